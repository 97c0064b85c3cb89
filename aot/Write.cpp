// Files: object, archive or shared library, and the header. Everything is complete under a
// temporary name before the first gets its own.
#include "aot/Build.h"

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

/// A file that is there under its name only once kept.
class Pending {
public:
  Pending(std::string path, bool executable) : path_(std::move(path)), executable_(executable) {
    llvm::SmallString<128> name;
    if (const std::error_code error = fs::createUniqueFile(path_ + ".%%%%%%%%", descriptor_, name))
      throw Error("aot: cannot write " + path_ + ": " + error.message());
    temporary_ = name.str().str();
  }
  Pending(const Pending&) = delete;
  ~Pending() {
    if (!temporary_.empty())
      fs::remove(temporary_);
  }

  const std::string& temporary() const { return temporary_; }

  void fill(const std::string& content) {
    llvm::raw_fd_ostream stream(descriptor_, /*shouldClose=*/true);
    stream << content;
    stream.close();
    if (stream.has_error()) {
      const std::string reason = stream.error().message();
      stream.clear_error();
      throw Error("aot: cannot write " + path_ + ": " + reason);
    }
  }
  void close() { llvm::raw_fd_ostream(descriptor_, true).close(); }

  int64_t keep() {
    // As any new file would have: what createUniqueFile chose, with the right to run it.
    if (executable_)
      if (auto have = fs::getPermissions(temporary_))
        fs::setPermissions(temporary_, *have | fs::perms(0111 & ~fs::getUmask()));
    uint64_t size = 0;
    fs::file_size(temporary_, size);
    if (const std::error_code error = fs::rename(temporary_, path_))
      throw Error("aot: cannot write " + path_ + ": " + error.message());
    temporary_.clear();
    return static_cast<int64_t>(size);
  }

private:
  std::string path_, temporary_;
  int descriptor_ = -1;
  bool executable_;
};

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

void writeFile(const std::string& path, const std::string& content, bool executable) {
  Pending file(path, executable);
  file.fill(content);
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
  Pending code(paths.library, options.kind == Kind::shared);
  if (options.kind == Kind::shared) {
    code.close();
    Pending part(paths.library + ".o", false);
    part.fill(object);
    link(part.temporary(), code.temporary(), llvm::sys::path::filename(paths.library).str(),
         built.module->getTargetTriple());
  } else {
    code.fill(options.kind == Kind::archive ? archiveOf(object, options.name + ".o") : object);
  }
  Pending header(paths.header, false);
  header.fill(headerText(built.model));
  if (withWeights)
    writeFile(paths.weights, built.model.weights.header + built.model.weights.data);
  header.keep();
  artefact.bytes = code.keep();
  return artefact;
}

} // namespace diptych::aot
