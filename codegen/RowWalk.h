// The walk that brings calls together which treat the rows of one axis independently: from the
// first pending call on, those of a window that may run row by row with it, what has to stand
// before them and what after. What there is to win and what becomes of them is for who derives from
// it.
#pragma once

#include "codegen/RowFootprints.h"

#include <span>

namespace diptych::codegen {

/// What can run together from a first call on.
struct RowCandidate {
  int64_t rows = 0;
  bool products = true; // whether products of matrices may be members
  std::vector<size_t> members = {}, before = {}, after = {};
  RowPrints prints = {}; // of the members
};

class RowWalk {
public:
  /// The schedule's calls stay as they are until all are handed out.
  explicit RowWalk(const Schedule& schedule);
  virtual ~RowWalk() = default;

  /// Hands every call of the schedule to `alone` or, with others, to `together`.
  void run();

protected:
  const ScheduledCall& call(size_t i) const { return schedule_.calls[i]; }
  const std::optional<RowLoops>& loopsOf(size_t i) const { return loops_[i]; }
  const Touches& touches(size_t i) const { return touches_[i]; }

  /// Candidates to try, without members yet, for a window that begins with its first call.
  virtual std::vector<RowCandidate> startsOf(std::span<const size_t> window) const = 0;
  /// Whether call i may be a member, beside that its rows stay apart from the members'.
  virtual bool mayJoin(const RowCandidate& candidate, size_t i) const = 0;
  /// May drop members. Their place, and that of all that can stand before or behind the others, is
  /// settled for the candidate that is taken.
  virtual void refine(RowCandidate&) const {}
  virtual void settle(RowCandidate&, std::span<const size_t> /*window*/) const {}
  /// What running the members together wins; they do where it is more than 0.
  virtual double gainOf(const RowCandidate& candidate) const = 0;
  virtual void alone(size_t i) = 0;
  virtual void together(const RowCandidate& candidate) = 0;

private:
  std::vector<size_t> step(const std::vector<size_t>& pending);
  void gather(RowCandidate& candidate, std::span<const size_t> window) const;
  bool join(RowCandidate& candidate, size_t i) const;

  const Schedule& schedule_;
  std::vector<std::optional<RowLoops>> loops_; // by call
  std::vector<Touches> touches_;
};

} // namespace diptych::codegen
