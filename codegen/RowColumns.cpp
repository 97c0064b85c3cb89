// A nest is brought into the form of rows, loops between, columns; then a loop over pieces of
// columns joins that over rows.
#include "codegen/RowColumns.h"

#include "codegen/NestAccesses.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

namespace diptych::codegen {

namespace {

/// A loop inside `loop`, of `extent` steps; strides of both as `split` says of the old one.
void insertInside(NestSpec& nest, int loop, int64_t extent,
                  llvm::function_ref<std::pair<int64_t, int64_t>(int64_t stride)> split) {
  nest.extents.insert(nest.extents.begin() + loop + 1, extent);
  forEachAccess(nest, [&](Access& access) {
    const auto [outer, inner] = split(access.strides[loop].value);
    access.strides[loop] = outer;
    access.strides.insert(access.strides.begin() + loop + 1, inner);
  });
  for (Line& line : nest.lines)
    if (auto* index = std::get_if<Line::Index>(&line.what); index && index->loop > loop)
      ++index->loop;
  if (nest.vectorLoop >= loop)
    ++nest.vectorLoop;
}

// The loop becomes two, the inner one of `extent` steps.
bool split(NestSpec& nest, int loop, int64_t extent) {
  if (extent < 1 || nest.extents[loop].value % extent != 0 || isIndexed(nest, loop))
    return false;
  nest.extents[loop].value /= extent;
  insertInside(nest, loop, extent,
               [&](int64_t stride) { return std::pair(stride * extent, stride); });
  return true;
}

/// The nest with an outermost loop over rows, and vectors along one over columns; else none.
std::optional<NestSpec> formed(NestSpec nest, int64_t rows, int64_t columns) {
  if (!nest.folds.empty() || nest.vectorLoop < 0 || nest.lanes == 1)
    return std::nullopt;
  if (nest.extents[nest.vectorLoop].value != columns &&
      (nest.hasScans() || !split(nest, nest.vectorLoop, columns)))
    return std::nullopt;
  if (nest.vectorLoop == 0 || isIndexed(nest, nest.vectorLoop) ||
      (nest.extents[0].value != rows && !split(nest, 0, nest.extents[0].value / rows)) ||
      nest.extents[0].value != rows)
    return std::nullopt;
  return nest;
}

/// Calls in that form, and what of their memory they share with nobody.
class Cutting {
public:
  Cutting(const Schedule& schedule, std::span<const size_t> calls, int64_t rows, int64_t columns)
      : schedule_(schedule), calls_(calls), rows_(rows), columns_(columns) {}

  /// Whether elements of two columns that some call writes never share a place.
  bool run() {
    for (size_t i : calls_) {
      auto* nest = std::get_if<NestSpec>(&schedule_.calls[i].kernel.what);
      std::optional<NestSpec> form = nest ? formed(*nest, rows_, columns_) : std::nullopt;
      if (!form || !schedule_.calls[i].offsets.empty())
        return false;
      nests_.push_back(std::move(*form));
      for (const Store& store : nests_.back().stores)
        written_.insert(schedule_.calls[i].buffers[static_cast<size_t>(store.to.arg)]);
    }
    bool apart = true;
    forEachAccess([&](int buffer, const NestSpec& nest, Access& access) {
      apart = apart && (!written_.contains(buffer) || keepsColumns(nest, access));
    });
    return apart;
  }

  std::vector<NestSpec> cut(int64_t width, std::vector<PlannedBuffer>& buffers) {
    findOwn();
    const int64_t pieces = (columns_ + width - 1) / width;
    for (const auto& [buffer, row] : own_)
      buffers[static_cast<size_t>(buffer)].bytes =
          buffers[static_cast<size_t>(buffer)].bytes / columns_ * width * pieces;
    const auto shrunk = [&](int64_t places) { return places / columns_ * width; };
    forEachAccess([&](int buffer, const NestSpec& nest, Access& access) {
      if (!own_.contains(buffer))
        return;
      access.offset = shrunk(access.offset.value);
      for (int loop = 0; loop < std::ssize(access.strides); ++loop)
        if (loop != nest.vectorLoop)
          access.strides[static_cast<size_t>(loop)] =
              shrunk(access.strides[static_cast<size_t>(loop)].value);
    });
    for (size_t i = 0; i < nests_.size(); ++i)
      cut(nests_[i], schedule_.calls[calls_[i]].buffers, width, pieces);
    return std::move(nests_);
  }

private:
  void cut(NestSpec& nest, const std::vector<int>& buffers, int64_t width, int64_t pieces) {
    nest.columns = columns_;
    nest.extents[nest.vectorLoop] = width;
    insertInside(nest, 0, pieces, [](int64_t stride) { return std::pair(stride, 0); });
    codegen::forEachAccess(nest, [&](Access& access) {
      if (own_.contains(buffers[static_cast<size_t>(access.arg)])) {
        access.strides[1] = access.strides[0];
        access.strides[0] = access.strides[1].value * pieces;
      } else {
        access.strides[1] = access.strides[nest.vectorLoop].value * width;
      }
    });
  }

  // Neighbours along the vectors, and whole rows of them along all other loops.
  bool keepsColumns(const NestSpec& nest, const Access& access) const {
    for (int loop = 0; loop < std::ssize(access.strides); ++loop)
      if (const int64_t stride = access.strides[static_cast<size_t>(loop)].value;
          loop == nest.vectorLoop ? stride != 1 : stride % columns_ != 0)
        return false;
    return access.offset.value % columns_ == 0;
  }

  // A temporary of these calls alone that is made of equal rows.
  void findOwn() {
    llvm::DenseMap<int, int> users;
    for (const ScheduledCall& call : schedule_.calls)
      for (int buffer : call.buffers)
        ++users[buffer];
    for (size_t i : calls_)
      for (int buffer : schedule_.calls[i].buffers)
        --users[buffer];
    forEachAccess([&](int buffer, const NestSpec&, Access& access) {
      const PlannedBuffer& planned = schedule_.buffers[static_cast<size_t>(buffer)];
      const int64_t row = access.strides[0].value,
                    known = own_.try_emplace(buffer, row).first->second;
      if (planned.kind != PlannedBuffer::Kind::Temporary || users[buffer] > 0 || row != known ||
          planned.bytes != rows_ * row * sizeOf(access.dtype) || !written_.contains(buffer))
        shared_.insert(buffer);
    });
    for (int buffer : shared_)
      own_.erase(buffer);
  }

  void forEachAccess(llvm::function_ref<void(int, const NestSpec&, Access&)> visit) {
    for (size_t i = 0; i < nests_.size(); ++i)
      codegen::forEachAccess(nests_[i], [&](Access& access) {
        visit(schedule_.calls[calls_[i]].buffers[static_cast<size_t>(access.arg)], nests_[i],
              access);
      });
  }

  const Schedule& schedule_;
  std::span<const size_t> calls_;
  int64_t rows_, columns_;
  std::vector<NestSpec> nests_;
  llvm::DenseSet<int> written_, shared_; // buffers
  llvm::DenseMap<int, int64_t> own_;     // and how far their rows lie apart
};

} // namespace

int64_t columnsOf(const Schedule& schedule, std::span<const size_t> calls, int64_t rows) {
  for (size_t i : calls)
    if (auto* nest = std::get_if<NestSpec>(&schedule.calls[i].kernel.what);
        nest && nest->hasScans())
      if (const int64_t columns = nest->extents[nest->vectorLoop].value;
          nest->vectorLoop > 0 && Cutting(schedule, calls, rows, columns).run())
        return columns;
  return 0;
}

int64_t cutColumns(Schedule& schedule, std::span<const size_t> calls, int64_t rows, int64_t columns,
                   int64_t width) {
  Cutting cutting(schedule, calls, rows, columns);
  if (!cutting.run())
    throw Error("internal: calls that share no columns are cut");
  const int64_t pieces = (columns + width - 1) / width;
  std::vector<NestSpec> nests = cutting.cut(width, schedule.buffers);
  for (size_t k = 0; k < calls.size(); ++k) {
    ScheduledCall& call = schedule.calls[calls[k]];
    call.kernel.what = std::move(nests[k]);
    call.grain = std::max<int64_t>(1, call.grain * rows * pieces / call.range);
    call.range = rows * pieces;
  }
  return rows * pieces;
}

} // namespace diptych::codegen
