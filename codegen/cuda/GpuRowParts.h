// Calls of a schedule as parts of one kernel over their common rows: what each is by itself, what
// stays inside, and the call that they become.
#pragma once

#include "codegen/RowWalk.h"

namespace diptych::codegen::cuda {

const NestSpec* nestOf(const ScheduledCall& call);

/// The call by itself as a part with `rows` as its outermost loop; none where it cannot be one.
std::optional<RowsSpec::Part> partOf(const ScheduledCall& call, int64_t rows);

/// The members of a candidate.
class RowParts {
public:
  explicit RowParts(const Schedule& schedule) : schedule_(schedule) {}
  /// Makes them the candidate's; those that are there already stay, since candidates grow.
  void set(const RowCandidate& candidate);

  size_t count() const { return members_.size(); }
  size_t lines() const; // of all scalar programs
  size_t products() const;
  int64_t longest() const;        // row of a fold
  int64_t matrixElements() const; // of a row's matrix
  /// Whether one more call touches what the members touch, and in a way that one kernel can do.
  bool takes(const ScheduledCall& other, const RowsSpec::Part& part) const;

  /// Their kernel, where so many blocks share a row.
  RowsSpec spec(int cluster) const;
  ScheduledCall merged(int cluster) const;

private:
  const ScheduledCall& call(size_t m) const { return schedule_.calls[members_[m]]; }
  const RowProduct* firstProduct(size_t* member = nullptr) const;
  bool touchesOneOf(const ScheduledCall& other) const;
  bool takesTotalsByRow(const ScheduledCall& other, const RowsSpec::Part& part) const;
  bool takesMatrix(const ScheduledCall& other, const RowsSpec::Part& part) const;
  bool isWantedOutside(int buffer) const;
  std::vector<int> args() const;
  std::vector<int> totals() const;
  std::vector<int> keptRows() const;
  bool isReadAlike(int buffer, const Access& to, int64_t length) const;
  int bufferOf(size_t m, const Access& access) const {
    return call(m).buffers[static_cast<size_t>(access.arg)];
  }

  const Schedule& schedule_;
  int64_t rows_ = 0;
  std::vector<size_t> members_;
  std::vector<RowsSpec::Part> parts_;
};

} // namespace diptych::codegen::cuda
