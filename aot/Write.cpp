// Files: object, archive or shared library, and the header. Everything is complete beside its place
// before the first is put there.
#include "aot/Build.h"

#include "runtime/NewFile.h"

#include <diptych/Error.h>

#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

namespace diptych::aot {

namespace fs = llvm::sys::fs;

namespace {

std::string pathOf(const Options& options, const std::string& file) {
  llvm::SmallString<128> path(options.directory);
  llvm::sys::path::append(path, file);
  return path.str().str();
}

std::string archiveOf(const std::string& object, const std::string& name) {
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(object, name));
  auto archive = llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU,
                                            /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    throw Error("internal: " + llvm::toString(archive.takeError()));
  return (*archive)->getBuffer().str();
}

/// A program that links, and what it is told first.
struct Linker {
  std::string path;
  bool driver = false; // a compiler, which knows where libc is
};

Linker findLinker(const llvm::Triple& target) {
  const bool native = target.getArch() == llvm::Triple(llvm::sys::getProcessTriple()).getArch();
  std::vector<std::pair<const char*, bool>> candidates;
  if (native)
    candidates = {{"cc", true}, {"gcc", true}, {"clang", true}, {"clang-22", true}};
  candidates.insert(candidates.end(), {{"ld.lld-22", false}, {"ld.lld", false}});
  for (const auto& [name, driver] : candidates)
    if (auto found = llvm::sys::findProgramByName(name))
      return {*found, driver};
  throw Error(std::string("aot: expected a linker for a shared library: cc, gcc, clang or ld.lld "
                          "in PATH, got none") +
              (native ? "" : " for another machine") +
              "; install lld, or make an object or archive, which need no linker");
}

std::string firstLines(const std::string& path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().take_front(2000).str() : "";
}

void link(const std::string& object, const std::string& library, const std::string& soname,
          const llvm::Triple& target) {
  const Linker linker = findLinker(target);
  std::vector<std::string> command = {linker.path, "-shared"};
  if (linker.driver)
    command.insert(command.end(), {"-nostdlib", "-Wl,-soname," + soname, "-Wl,-z,noexecstack"});
  else
    command.insert(command.end(), {"-soname", soname, "-z", "noexecstack"});
  command.insert(command.end(), {"-o", library, object});
  if (linker.driver)
    command.insert(command.end(),
                   {"-Wl,--push-state,--as-needed", "-lm", "-Wl,--pop-state", "-lc"});
  llvm::SmallString<128> log;
  fs::createTemporaryFile("diptych-link", "txt", log);
  const llvm::FileRemover removeLog(log);
  std::string message;
  const std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), log.str(), log.str()};
  const std::vector<llvm::StringRef> arguments(command.begin(), command.end());
  const int status = llvm::sys::ExecuteAndWait(linker.path, arguments, std::nullopt, redirects,
                                               /*SecondsToWait=*/0, 0, &message);
  if (status != 0)
    throw Error("aot: " + linker.path + " failed to link " + soname + ": " + message +
                firstLines(log.str().str()));
}

} // namespace

void writeFile(const std::string& path, const std::string& content) {
  runtime::NewFile file("aot", path);
  file.write(content);
  file.keep();
}

Paths pathsOf(const Options& options) {
  const std::string library = options.kind == Kind::object    ? options.name + ".o"
                              : options.kind == Kind::archive ? "lib" + options.name + ".a"
                                                              : "lib" + options.name + ".so";
  return {pathOf(options, library), pathOf(options, options.name + ".h"),
          pathOf(options, options.name + ".safetensors")};
}

Artefact write(Built& built, const Paths& paths) {
  const Options& options = built.model.options;
  const std::string object = codegen::machineCode(*built.module, *built.target, false);
  const bool withWeights = built.model.weightsInFile();
  Artefact artefact{
      paths.library,      paths.header, withWeights ? paths.weights : "", built.model.hash, 0,
      built.model.entries};
  const bool shared = options.kind == Kind::shared;
  runtime::NewFile code("aot", paths.library), header("aot", paths.header);
  if (shared) {
    runtime::NewFile part("aot", paths.library + ".o");
    part.write(object);
    link(part.place(), code.place(), llvm::sys::path::filename(paths.library).str(),
         built.module->getTargetTriple());
  } else {
    code.write(options.kind == Kind::archive ? archiveOf(object, options.name + ".o") : object);
  }
  header.write(headerText(built.model));
  if (withWeights)
    writeFile(paths.weights, built.model.weights.header + built.model.weights.data);
  header.keep();
  uint64_t size = 0;
  fs::file_size(code.place(), size);
  artefact.bytes = static_cast<int64_t>(size);
  code.keep(shared);
  return artefact;
}

} // namespace diptych::aot
