// The linker in this process: objects in, addresses out. Knows LLVM's ORC; knows no kernel.
#pragma once

#include <memory>
#include <string>

namespace llvm {
class MemoryBuffer;
namespace orc {
class LLJIT;
} // namespace orc
} // namespace llvm

namespace diptych::codegen {

/// Not safe from several threads at once.
class Orc {
public:
  Orc();
  ~Orc();

  /// Links at the first lookup. Throws Error, with the linker's reason.
  void add(std::unique_ptr<llvm::MemoryBuffer> object);
  void* lookup(const std::string& symbol);

private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  std::string problems_; // what the session reported, instead of printing it
};

} // namespace diptych::codegen
