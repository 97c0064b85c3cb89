// A file written whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace diptych::runtime {

/// Is there under its name only once kept. What stands there and is no regular file (a device, a
/// pipe) is written where it is.
class NewFile {
public:
  /// Errors begin with `who`. Throws Error where nothing can be written at `path`.
  NewFile(std::string who, std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// Where the content is until the file is kept; another program may write it.
  const std::string& place() const { return place_; }
  void write(std::string_view bytes);
  /// Gives the file its name; `executable`: and the right to be run.
  void keep(bool executable = false);

private:
  [[noreturn]] void failed(int reason) const;
  bool isBeside() const { return place_ != path_; }

  std::string who_, path_, place_;
  int descriptor_ = -1;
};

} // namespace diptych::runtime
