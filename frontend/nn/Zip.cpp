// Zip archives in and out. Every offset is checked against the archive before it is used.
#include "frontend/nn/Zip.h"

#include "frontend/nn/StateFile.h"

#include <zlib.h>

namespace diptych::nn {

namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22;
constexpr uint64_t kLimit = 0xffffffff;
constexpr uint16_t kUtf8 = 0x0800, kEncrypted = 0x0001;
constexpr uint16_t kFirstDay = 0x0021; // 1980-01-01: the same bytes whenever they are written

// In pieces: zlib counts in 32 bits.
uint32_t checksum(std::string_view bytes) {
  uLong crc = crc32(0, nullptr, 0);
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, size_t{1} << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    bytes.remove_prefix(piece.size());
  }
  return static_cast<uint32_t>(crc);
}

// What a local and a central header have in common.
void appendCommon(std::string& bytes, const std::string& name, uint32_t crc, uint32_t size) {
  appendNumber<uint16_t>(bytes, 20); // version needed
  appendNumber<uint16_t>(bytes, kUtf8);
  appendNumber<uint16_t>(bytes, 0); // stored
  appendNumber<uint16_t>(bytes, 0); // time
  appendNumber<uint16_t>(bytes, kFirstDay);
  appendNumber<uint32_t>(bytes, crc);
  appendNumber<uint32_t>(bytes, size);
  appendNumber<uint32_t>(bytes, size);
  appendNumber<uint16_t>(bytes, static_cast<uint16_t>(name.size()));
  appendNumber<uint16_t>(bytes, 0); // no extra field
}

} // namespace

std::string packZip(const char* op, const std::string& path, const ZipEntries& entries) {
  std::string archive, directory;
  const auto require = [&](bool holds) {
    if (!holds)
      badFile(op, path, "an npz holds less than 4 GiB and 65535 tensors; save as .safetensors");
  };
  require(entries.size() < 0xffff);
  for (const auto& [name, contents] : entries) {
    require(archive.size() < kLimit && contents.size() < kLimit && name.size() < 0xffff);
    const uint32_t crc = checksum(contents), size = static_cast<uint32_t>(contents.size());
    appendNumber<uint32_t>(directory, kCentral);
    appendNumber<uint16_t>(directory, 20); // version made by
    appendCommon(directory, name, crc, size);
    appendNumber<uint16_t>(directory, 0); // no comment
    appendNumber<uint16_t>(directory, 0); // disk
    appendNumber<uint16_t>(directory, 0); // internal attributes
    appendNumber<uint32_t>(directory, 0); // external attributes
    appendNumber<uint32_t>(directory, static_cast<uint32_t>(archive.size()));
    directory += name;
    appendNumber<uint32_t>(archive, kLocal);
    appendCommon(archive, name, crc, size);
    archive += name;
    archive += contents;
  }
  require(archive.size() < kLimit && directory.size() < kLimit);
  const uint32_t start = static_cast<uint32_t>(archive.size());
  archive += directory;
  appendNumber<uint32_t>(archive, kEnd);
  appendNumber<uint32_t>(archive, 0); // disks
  appendNumber<uint16_t>(archive, static_cast<uint16_t>(entries.size()));
  appendNumber<uint16_t>(archive, static_cast<uint16_t>(entries.size()));
  appendNumber<uint32_t>(archive, static_cast<uint32_t>(directory.size()));
  appendNumber<uint32_t>(archive, start);
  appendNumber<uint16_t>(archive, 0); // no comment
  return archive;
}

namespace {

class ZipReader {
public:
  ZipReader(const char* op, const std::string& path, std::string_view archive)
      : op_(op), path_(path), archive_(archive) {}

  ZipEntries read() {
    const size_t end = findEnd();
    const size_t count = numberAt<uint16_t>(archive_, end + 10);
    const uint64_t size = numberAt<uint32_t>(archive_, end + 12);
    size_t at = numberAt<uint32_t>(archive_, end + 16);
    if (count == 0xffff || size == kLimit || at == kLimit)
      bad("it is a zip64 archive, 4 GiB or more; save it as .safetensors");
    if (at > end || size > end - at)
      bad("its directory lies outside of it");
    ZipEntries entries;
    for (size_t i = 0; i < count; ++i)
      entries.push_back(readEntry(at, end));
    return entries;
  }

private:
  [[noreturn]] void bad(const std::string& what) const { badFile(op_, path_, what); }

  // The record at the end, before a comment of unknown length.
  size_t findEnd() const {
    if (archive_.size() >= kEndSize)
      for (size_t at = archive_.size() - kEndSize, tries = 0; tries <= 0xffff; --at, ++tries) {
        if (numberAt<uint32_t>(archive_, at) == kEnd &&
            numberAt<uint16_t>(archive_, at + 20) == archive_.size() - at - kEndSize)
          return at;
        if (at == 0)
          break;
      }
    bad("it has no zip directory at its end: it is cut off, or no npz file");
  }

  // Moves `at` to the next entry of the directory.
  std::pair<std::string, std::string> readEntry(size_t& at, size_t end) const {
    if (at > end || end - at < kCentralSize || numberAt<uint32_t>(archive_, at) != kCentral)
      bad("its directory is damaged");
    const auto flags = numberAt<uint16_t>(archive_, at + 8);
    const auto method = numberAt<uint16_t>(archive_, at + 10);
    const auto crc = numberAt<uint32_t>(archive_, at + 16);
    const uint64_t packed = numberAt<uint32_t>(archive_, at + 20);
    const uint64_t size = numberAt<uint32_t>(archive_, at + 24);
    const size_t nameSize = numberAt<uint16_t>(archive_, at + 28);
    const size_t rest =
        size_t{numberAt<uint16_t>(archive_, at + 30)} + numberAt<uint16_t>(archive_, at + 32);
    const size_t local = numberAt<uint32_t>(archive_, at + 42);
    if (end - at - kCentralSize < nameSize + rest)
      bad("its directory is damaged");
    const std::string name(archive_.substr(at + kCentralSize, nameSize));
    at += kCentralSize + nameSize + rest;
    if (flags & kEncrypted)
      bad("\"" + name + "\" is encrypted");
    if (packed == kLimit || size == kLimit || local == kLimit)
      bad("\"" + name + "\" has 4 GiB or more; save it as .safetensors");
    std::string contents = unpacked(name, method, packedBytes(name, local, packed), size);
    if (checksum(contents) != crc)
      bad("\"" + name + "\" is damaged: its CRC differs");
    return {name, std::move(contents)};
  }

  std::string_view packedBytes(const std::string& name, size_t local, uint64_t packed) const {
    if (local > archive_.size() || archive_.size() - local < kLocalSize ||
        numberAt<uint32_t>(archive_, local) != kLocal)
      bad("\"" + name + "\" is not where the directory says");
    const size_t start = local + kLocalSize + numberAt<uint16_t>(archive_, local + 26) +
                         numberAt<uint16_t>(archive_, local + 28);
    if (start > archive_.size() || archive_.size() - start < packed)
      bad("\"" + name + "\" is cut off");
    return archive_.substr(start, packed);
  }

  std::string unpacked(const std::string& name, uint16_t method, std::string_view bytes,
                       uint64_t size) const {
    if (method == 0 && bytes.size() == size)
      return std::string(bytes);
    // Deflate makes at most 1032 bytes of one: a larger promise is damage, not worth the memory.
    if (method != 8 || size / 1032 > bytes.size())
      bad("\"" + name + "\" is damaged, or packed by a method other than deflate");
    std::string contents(size, '\0');
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
      bad("zlib does not start");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(contents.data());
    stream.avail_out = static_cast<uInt>(contents.size());
    const int status = inflate(&stream, Z_FINISH);
    const bool complete = status == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    if (!complete)
      bad("\"" + name + "\" is damaged: it does not unpack");
    return contents;
  }

  const char* op_;
  const std::string& path_;
  std::string_view archive_;
};

} // namespace

ZipEntries unpackZip(const char* op, const std::string& path, std::string_view archive) {
  return ZipReader(op, path, archive).read();
}

} // namespace diptych::nn
