// LLJIT with memory that many small objects can share.
#include "codegen/Orc.h"

#include <diptych/Error.h>

#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/MapperJITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/MemoryMapper.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/Support/MemoryBuffer.h"

namespace diptych::codegen {

namespace {

namespace orc = llvm::orc;
using llvm::jitlink::LinkGraph;
LLVM_ENABLE_BITMASK_ENUMS_IN_NAMESPACE();

// Code and its constants under one protection, out of one reservation: neighbouring objects are
// then one mapping of the kernel's. With a mapping for each section of each object a process would
// be at Linux's limit (65530) after some tens of thousands of kernels.
class OneProtection : public orc::ObjectLinkingLayer::Plugin {
public:
  void modifyPassConfig(orc::MaterializationResponsibility&, LinkGraph&,
                        llvm::jitlink::PassConfiguration& config) override {
    config.PostPrunePasses.push_back([](LinkGraph& graph) {
      for (llvm::jitlink::Section& section : graph.sections())
        if ((section.getMemProt() & orc::MemProt::Write) == orc::MemProt::None)
          section.setMemProt(orc::MemProt::Read | orc::MemProt::Exec);
      return llvm::Error::success();
    });
  }
  llvm::Error notifyFailed(orc::MaterializationResponsibility&) override {
    return llvm::Error::success();
  }
  llvm::Error notifyRemovingResources(orc::JITDylib&, orc::ResourceKey) override {
    return llvm::Error::success();
  }
  void notifyTransferringResources(orc::JITDylib&, orc::ResourceKey, orc::ResourceKey) override {}
};

constexpr size_t kReservation = 16u << 20; // bytes of address space at a time

llvm::Expected<std::unique_ptr<orc::ObjectLayer>> makeLinkingLayer(orc::ExecutionSession& session) {
  auto memory =
      orc::MapperJITLinkMemoryManager::CreateWithMapper<orc::InProcessMemoryMapper>(kReservation);
  if (!memory)
    return memory.takeError();
  auto layer = std::make_unique<orc::ObjectLinkingLayer>(session, std::move(*memory));
  layer->addPlugin(std::make_shared<OneProtection>());
  return layer;
}

Error failure(llvm::Error error, std::string& problems) {
  std::string text = "internal: " + llvm::toString(std::move(error));
  if (!problems.empty())
    text += " (" + std::exchange(problems, "") + ")";
  return Error(text);
}

} // namespace

Orc::Orc() {
  auto jit = orc::LLJITBuilder()
                 .setPlatformSetUp(orc::setUpInactivePlatform)
                 .setObjectLinkingLayerCreator(makeLinkingLayer)
                 .setNumCompileThreads(0)
                 .create();
  if (!jit)
    throw failure(jit.takeError(), problems_);
  jit_ = std::move(*jit);
  jit_->getExecutionSession().setErrorReporter([this](llvm::Error error) {
    problems_ += (problems_.empty() ? "" : "; ") + llvm::toString(std::move(error));
  });
}

Orc::~Orc() = default;

void Orc::add(std::unique_ptr<llvm::MemoryBuffer> object) {
  if (llvm::Error error = jit_->addObjectFile(std::move(object)))
    throw failure(std::move(error), problems_);
}

void* Orc::lookup(const std::string& symbol) {
  auto address = jit_->lookup(symbol);
  if (!address)
    throw failure(address.takeError(), problems_);
  return address->toPtr<void*>();
}

} // namespace diptych::codegen
