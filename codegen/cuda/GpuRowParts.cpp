// Results of folds, maps and products that no other call wants never reach memory.
#include "codegen/cuda/GpuRowParts.h"

#include "codegen/Folds.h"
#include "codegen/cuda/GpuRowLayout.h"

#include <algorithm>
#include <map>

namespace diptych::codegen::cuda {

namespace {

constexpr int64_t kKeptBytes = 20 << 10; // of a row: two fit into a block's shared memory
constexpr int64_t kLongestRow = int64_t{1} << 21;

bool readsIndex(const NestSpec& nest) {
  return std::any_of(nest.lines.begin(), nest.lines.end(), [](const Line& line) {
    return std::holds_alternative<Line::Index>(line.what);
  });
}

/// Calls visit(access, written) on every access of a part, which it may change.
void eachAccess(auto& part, const auto& visit) {
  if (auto* product = std::get_if<RowProduct>(&part)) {
    visit(product->matrix, false);
    visit(product->vector, false);
    visit(product->result, true);
    return;
  }
  auto& nest = std::get<NestSpec>(part);
  for (auto& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      visit(load->from, false);
  for (auto& store : nest.stores)
    visit(store.to, true);
  for (auto& fold : nest.folds)
    visit(fold.to, true);
}

const std::vector<Fold>& foldsOf(const RowsSpec::Part& part) {
  static const std::vector<Fold> none;
  auto* nest = std::get_if<NestSpec>(&part);
  return nest ? nest->folds : none;
}

/// The nest with `rows` as its outermost loop; none where it has no such.
std::optional<NestSpec> byRows(const NestSpec& nest, int64_t rows) {
  if (nest.extents[0].is(rows))
    return nest;
  if (nest.extents.size() != 1 || !nest.folds.empty() || readsIndex(nest))
    return std::nullopt;
  NestSpec cut = nest;
  const int64_t each = nest.extents[0].value / rows;
  cut.extents = {rows, each};
  const auto split = [&](Access& access) {
    access.strides.insert(access.strides.begin(), access.strides[0].value * each);
  };
  for (Line& line : cut.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      split(load->from);
  for (Store& store : cut.stores)
    split(store.to);
  ++cut.vectorLoop;
  return cut;
}

// One operand is a vector, the other has rows that lie densely: those of a batch, or parts of the
// long side.
std::optional<RowProduct> productOf(const MatmulSpec& spec, int64_t rows) {
  const bool overS = !spec.s.is(1), batched = !spec.batch.is(1);
  const int64_t outputs = overS ? spec.s.value : spec.v.value;
  if (!spec.lines.empty() || spec.rangeOverBlocks || spec.upper || spec.depth != kMatmulBlock ||
      spec.partBlocks != 1 || !(overS ? spec.v : spec.s).is(1) ||
      (batched ? !spec.batch.is(rows) : outputs % rows != 0))
    return std::nullopt;
  RowProduct made;
  made.dtype = spec.dtype;
  made.outputs = batched ? outputs : outputs / rows;
  made.depth = spec.k.value;
  made.matrix = overS ? spec.left : spec.right;
  made.vector = overS ? spec.right : spec.left;
  made.result = spec.result;
  const size_t along = overS ? 1 : 2;
  const auto row = [&](const Access& access) {
    return batched ? access.strides[0].value : access.strides[along].value * made.outputs;
  };
  const auto at = [](const Access& access, size_t loop) { return access.strides[loop]; };
  made.matrix.strides = {row(made.matrix), at(made.matrix, along), at(made.matrix, 3)};
  made.vector.strides = {row(made.vector), at(made.vector, 3)};
  made.result.strides = {row(made.result), at(made.result, along)};
  const std::vector<Size>& strides = made.matrix.strides;
  const bool dense = made.outputs > 1 && made.depth > 1 &&
                     (strides[2].is(1) ? strides[1].is(made.depth)
                                       : strides[1].is(1) && strides[2].is(made.outputs));
  return dense ? std::optional(made) : std::nullopt;
}

/// One element for each row, the same for the inner loops.
bool isOfRow(const Access& access) {
  return std::all_of(access.strides.begin() + 1, access.strides.end(),
                     [](const Size& stride) { return stride.is(0); });
}

} // namespace

const NestSpec* nestOf(const ScheduledCall& call) {
  return call.isKernel() ? std::get_if<NestSpec>(&call.kernel.what) : nullptr;
}

std::optional<RowsSpec::Part> partOf(const ScheduledCall& call, int64_t rows) {
  if (!call.isKernel() || !call.offsets.empty() || call.range % rows != 0)
    return std::nullopt;
  if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what))
    return productOf(*product, rows);
  const NestSpec* nest = nestOf(call);
  if (!nest || (nest->folds.empty() ? !isByElement(*nest)
                                    : nest->extents.size() != 2 || nest->vectorLoop != 1 ||
                                          nest->extents[1].value > kLongestRow))
    return std::nullopt;
  return byRows(*nest, rows);
}

void RowParts::set(const RowCandidate& candidate) {
  const std::vector<size_t>& wanted = candidate.members;
  if (rows_ != candidate.rows || members_.size() > wanted.size() ||
      !std::equal(members_.begin(), members_.end(), wanted.begin())) {
    rows_ = candidate.rows;
    members_.clear();
    parts_.clear();
  }
  for (size_t m = members_.size(); m < wanted.size(); ++m) {
    members_.push_back(wanted[m]);
    parts_.push_back(*partOf(call(m), rows_));
  }
}

size_t RowParts::lines() const {
  size_t lines = 0;
  for (const RowsSpec::Part& part : parts_)
    if (auto* nest = std::get_if<NestSpec>(&part))
      lines += nest->lines.size();
  return lines;
}

size_t RowParts::products() const {
  return static_cast<size_t>(
      std::count_if(parts_.begin(), parts_.end(), [](const RowsSpec::Part& part) {
        return std::holds_alternative<RowProduct>(part);
      }));
}

int64_t RowParts::longest() const {
  int64_t longest = 0;
  for (const RowsSpec::Part& part : parts_)
    if (!foldsOf(part).empty())
      longest = std::max(longest, std::get<NestSpec>(part).extents[1].value);
  return longest;
}

int64_t RowParts::matrixElements() const {
  const RowProduct* product = firstProduct();
  return product ? product->outputs * product->depth : 0;
}

const RowProduct* RowParts::firstProduct(size_t* member) const {
  for (size_t m = 0; m < parts_.size(); ++m)
    if (auto* product = std::get_if<RowProduct>(&parts_[m])) {
      if (member)
        *member = m;
      return product;
    }
  return nullptr;
}

bool RowParts::takes(const ScheduledCall& other, const RowsSpec::Part& part) const {
  return (members_.empty() || touchesOneOf(other)) && takesTotalsByRow(other, part) &&
         takesMatrix(other, part);
}

bool RowParts::touchesOneOf(const ScheduledCall& other) const {
  return std::any_of(members_.begin(), members_.end(), [&](size_t member) {
    return std::any_of(other.buffers.begin(), other.buffers.end(), [&](int buffer) {
      const auto& theirs = schedule_.calls[member].buffers;
      return std::find(theirs.begin(), theirs.end(), buffer) != theirs.end();
    });
  });
}

// What a member folds is there for later ones as the one number of their row, and so only.
bool RowParts::takesTotalsByRow(const ScheduledCall& other, const RowsSpec::Part& part) const {
  for (size_t m = 0; m < members_.size(); ++m)
    for (const Fold& fold : foldsOf(parts_[m])) {
      bool same = true;
      eachAccess(part, [&](const Access& access, bool written) {
        if (written || other.buffers[static_cast<size_t>(access.arg)] != bufferOf(m, fold.to))
          return;
        same = same && std::holds_alternative<NestSpec>(part) && isOfRow(access) &&
               access.offset == fold.to.offset && access.strides[0].is(fold.to.strides[0].value);
      });
      if (!same)
        return false;
    }
  return true;
}

// All products have one matrix, turned or not, and no member writes it.
bool RowParts::takesMatrix(const ScheduledCall& other, const RowsSpec::Part& part) const {
  size_t m = 0;
  const RowProduct* held = firstProduct(&m);
  auto* product = std::get_if<RowProduct>(&part);
  if (!held) {
    if (!product)
      return true;
    bool written = false;
    for (size_t i = 0; i < members_.size(); ++i)
      eachAccess(parts_[i], [&](const Access& access, bool writes) {
        written |= writes &&
                   bufferOf(i, access) == other.buffers[static_cast<size_t>(product->matrix.arg)];
      });
    return !written;
  }
  const int matrix = bufferOf(m, held->matrix);
  bool fits = true;
  eachAccess(part, [&](const Access& access, bool written) {
    fits &= !written || other.buffers[static_cast<size_t>(access.arg)] != matrix;
  });
  return fits &&
         (!product ||
          (other.buffers[static_cast<size_t>(product->matrix.arg)] == matrix &&
           product->dtype == held->dtype && product->height() == held->height() &&
           product->width() == held->width() && product->matrix.offset == held->matrix.offset &&
           product->matrix.strides[0].is(held->matrix.strides[0].value)));
}

// Whether any call that is no member touches the buffer.
bool RowParts::isWantedOutside(int buffer) const {
  if (schedule_.buffers[static_cast<size_t>(buffer)].kind != PlannedBuffer::Kind::Temporary)
    return true;
  for (size_t i = 0; i < schedule_.calls.size(); ++i) {
    const auto& buffers = schedule_.calls[i].buffers;
    if (std::find(buffers.begin(), buffers.end(), buffer) != buffers.end() &&
        std::find(members_.begin(), members_.end(), i) == members_.end())
      return true;
  }
  return false;
}

RowsSpec RowParts::spec(int cluster) const {
  const std::vector<int> outside = args();
  std::map<int, int> numbers;
  for (size_t arg = 0; arg < outside.size(); ++arg)
    numbers[outside[arg]] = static_cast<int>(arg);
  RowsSpec spec;
  spec.args = static_cast<int>(outside.size());
  spec.cluster = cluster;
  for (size_t m = 0; m < members_.size(); ++m) {
    RowsSpec::Part part = parts_[m];
    eachAccess(part, [&](Access& access, bool) {
      const int next = static_cast<int>(numbers.size());
      access.arg = numbers.try_emplace(bufferOf(m, access), next).first->second;
    });
    spec.parts.push_back(std::move(part));
  }
  return spec;
}

ScheduledCall RowParts::merged(int cluster) const {
  ScheduledCall made = call(0);
  made.name.clear();
  made.flops = made.bytes = 0;
  made.buffers = args();
  for (size_t m = 0; m < members_.size(); ++m) {
    made.name += (m ? ", " : "") + call(m).name;
    made.flops += call(m).flops;
  }
  for (int buffer : made.buffers)
    made.bytes += static_cast<double>(schedule_.buffers[static_cast<size_t>(buffer)].bytes);
  made.kernel.what = spec(cluster);
  made.range = made.grain = 1;
  return made;
}

// Buffers in order of use, without those that stay inside.
std::vector<int> RowParts::args() const {
  std::vector<int> inside = totals(), buffers;
  const std::vector<int> rows = keptRows();
  inside.insert(inside.end(), rows.begin(), rows.end());
  for (size_t m = 0; m < members_.size(); ++m)
    for (int buffer : call(m).buffers)
      if (std::find(inside.begin(), inside.end(), buffer) == inside.end() &&
          std::find(buffers.begin(), buffers.end(), buffer) == buffers.end())
        buffers.push_back(buffer);
  return buffers;
}

std::vector<int> RowParts::totals() const {
  std::vector<int> totals;
  for (size_t m = 0; m < members_.size(); ++m)
    for (const Fold& fold : foldsOf(parts_[m]))
      totals.push_back(bufferOf(m, fold.to));
  std::erase_if(totals, [&](int buffer) { return isWantedOutside(buffer); });
  return totals;
}

// Rows that one member makes for the others, as far as shared memory holds them.
std::vector<int> RowParts::keptRows() const {
  std::vector<int> rows;
  int64_t bytes = 0;
  for (size_t m = 0; longest() <= kFoldBlock && m < members_.size(); ++m)
    forEachRun(parts_[m], [&](const Access& access, int64_t length, bool written) {
      const int buffer = bufferOf(m, access);
      const int64_t more = (length + 32) * sizeOf(access.dtype);
      if (!written || !access.strides[1].is(1) || isWantedOutside(buffer) ||
          !isReadAlike(buffer, access, length) || bytes + more > kKeptBytes)
        return;
      bytes += more;
      rows.push_back(buffer);
    });
  return rows;
}

// Whether every access to the buffer is that of the one that makes it.
bool RowParts::isReadAlike(int buffer, const Access& to, int64_t length) const {
  bool alike = true;
  for (size_t m = 0; m < parts_.size(); ++m) {
    const auto isThere = [&](const Access& access) { return bufferOf(m, access) == buffer; };
    size_t accesses = 0, runs = 0;
    eachAccess(parts_[m], [&](const Access& access, bool) { accesses += isThere(access); });
    forEachRun(parts_[m], [&](const Access& access, int64_t run, bool written) {
      if (!isThere(access))
        return;
      ++runs;
      alike = alike && run == length && access.offset.value == to.offset.value &&
              access.dtype == to.dtype && access.strides[0].is(to.strides[0].value) &&
              access.strides[1].is(1) && (!written || &access == &to);
    });
    alike = alike && accesses == runs;
  }
  return alike;
}

} // namespace diptych::codegen::cuda
