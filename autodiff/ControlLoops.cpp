// The derivatives of a loop. Backwards: a scan the other way, each step the pullback of the body at
// the carry the step began with, so that carries are all that is kept. Forwards: the same loop over
// carries and their tangents.
#include "autodiff/ControlLoops.h"

#include <algorithm>

#include "autodiff/Activity.h"
#include "autodiff/Recorder.h"

namespace diptych::autodiff {

namespace {

size_t countOf(const std::vector<bool>& marks, size_t begin, size_t end) {
  return static_cast<size_t>(std::count(marks.begin() + static_cast<std::ptrdiff_t>(begin),
                                        marks.begin() + static_cast<std::ptrdiff_t>(end), true));
}

// The wanted inputs of the body, and the carries that come to depend on one of them.
std::vector<bool> activeInputs(const ControlFlow& scan, const std::vector<bool>& wanted) {
  Recorder scratch(scan.body.inputs);
  const Values outputs = scratch.run(scan.body.run, scratch.inputs());
  const std::vector<const Node*> nodes = scratch.nodes();
  std::vector<bool> active = wanted;
  for (bool grown = true; grown;) {
    grown = false;
    Values by;
    for (size_t i = 0; i < active.size(); ++i)
      if (active[i])
        by.push_back(scratch.inputs()[i]);
    const Activity activity(nodes, by);
    for (size_t j = 0; j < scan.carry; ++j)
      if (!active[scan.consts + j] && activity.slot(outputs[j]) >= 0)
        grown = active[scan.consts + j] = true;
  }
  return active;
}

/// Which inputs of the body a reverse sweep reaches: what no result with a cotangent depends on
/// gets none, rather than zeros that an infinite derivative would turn into NaN.
class Reached {
public:
  Reached(const ControlFlow& scan, ValueSpan cotangents, std::vector<bool> active)
      : scan_(scan), active_(std::move(active)), reached_(active_.size()) {
    for (size_t i = 0; i < cotangents.size(); ++i)
      seeded_.push_back(static_cast<bool>(cotangents[i]) &&
                        (i >= scan.carry || active_[scan.consts + i]));
    for (grown_ = true; grown_ && reached_ != active_;) {
      grown_ = false;
      record(types(), [this](Recorder& recorder, ValueSpan inputs) {
        sweep(recorder, inputs);
        return Values{};
      });
    }
  }

  /// The inputs that get a part from some step.
  const std::vector<bool>& inputs() const { return reached_; }
  /// Those, and the carries that begin with a cotangent.
  std::vector<bool> swept() const {
    std::vector<bool> swept = reached_;
    for (size_t j = 0; j < scan_.carry; ++j)
      swept[scan_.consts + j] = seeded_[j];
    return swept;
  }

private:
  std::vector<TensorType> types() const {
    std::vector<TensorType> types = scan_.body.inputs;
    for (size_t i = 0; i < seeded_.size(); ++i)
      if (seeded_[i])
        types.push_back(scan_.body.outputs[i]);
    return types;
  }

  void sweep(Recorder& recorder, ValueSpan inputs) {
    Deal deal(inputs);
    const ValueSpan arguments = deal.take(active_.size());
    const Values outputs = recorder.run(scan_.body.run, arguments, true);
    Values seeds, by;
    for (size_t i = 0; i < outputs.size(); ++i)
      seeds.push_back(i < seeded_.size() && seeded_[i] ? deal.next() : Value());
    for (size_t i = 0; i < arguments.size(); ++i)
      if (active_[i])
        by.push_back(arguments[i]);
    const Values pulled = reverseSweep(recorder.nodes(), outputs, seeds, by);
    Deal results(pulled);
    for (size_t i = 0; i < active_.size(); ++i)
      if (active_[i] && results.next())
        reach(i);
  }

  void reach(size_t i) {
    reached_[i] = true;
    if (i < scan_.consts || i >= scan_.consts + scan_.carry || seeded_[i - scan_.consts])
      return;
    seeded_[i - scan_.consts] = true;
    grown_ = true;
  }

  const ControlFlow& scan_;
  const std::vector<bool> active_; // by input of the body
  std::vector<bool> seeded_;       // by output
  std::vector<bool> reached_;      // by input
  bool grown_ = false;
};

/// The reverse scan. Its operands: the consts; the cotangents of active carries and the totals of
/// wanted consts; the carries each step began with, the xs and the cotangents of ys.
class Pullback {
public:
  Pullback(const Node& node, ValueSpan cotangents, const std::vector<bool>& wanted)
      : node_(node), scan_(*node.control), cotangents_(cotangents),
        reached_(scan_, cotangents, activeInputs(scan_, wanted)), active_(reached_.swept()),
        firstX_(scan_.consts + scan_.carry) {}

  Values run() const {
    if (countOf(active_, 0, active_.size()) == 0)
      return Values(active_.size());
    ControlFlow flow{ControlFlow::Kind::scan};
    flow.consts = scan_.consts;
    flow.carry = countOf(active_, scan_.consts, firstX_) + countOf(active_, 0, scan_.consts);
    flow.length = scan_.length;
    flow.reverse = !scan_.reverse;
    flow.body = closed(inputTypes(), [this](Recorder& recorder, ValueSpan inputs) {
      return step(recorder, inputs);
    });
    return contributions(
        currentEmitter().control(std::make_shared<ControlFlow>(std::move(flow)), operands()));
  }

private:
  bool isSeeded(size_t output) const {
    return output >= scan_.carry && static_cast<bool>(cotangents_[output]);
  }

  std::vector<TensorType> inputTypes() const {
    const std::vector<TensorType>& types = scan_.body.inputs;
    const auto middle = types.begin() + static_cast<std::ptrdiff_t>(scan_.consts);
    std::vector<TensorType> all(types.begin(), middle);
    for (size_t i = scan_.consts; i < firstX_; ++i)
      if (active_[i])
        all.push_back(types[i]);
    for (size_t i = 0; i < scan_.consts; ++i)
      if (active_[i])
        all.push_back(types[i]);
    all.insert(all.end(), middle, types.end());
    for (size_t i = scan_.carry; i < cotangents_.size(); ++i)
      if (isSeeded(i))
        all.push_back(scan_.body.outputs[i]);
    return all;
  }

  Values operands() const {
    const ValueSpan own = node_.operands;
    Values all(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(scan_.consts));
    for (size_t j = 0; j < scan_.carry; ++j)
      if (active_[scan_.consts + j])
        all.push_back(cotangents_[j] ? cotangents_[j] : emitted::like(own[scan_.consts + j], 0));
    for (size_t i = 0; i < scan_.consts; ++i)
      if (active_[i])
        all.push_back(emitted::like(own[i], 0));
    append(all, node_.results.subspan(node_.results.size() - scan_.kept));
    append(all, own.subspan(firstX_));
    for (size_t i = scan_.carry; i < cotangents_.size(); ++i)
      if (isSeeded(i))
        all.push_back(cotangents_[i]);
    return all;
  }

  Values step(Recorder& recorder, ValueSpan inputs) const {
    Deal deal(inputs);
    const ValueSpan consts = deal.take(scan_.consts);
    const ValueSpan carried = deal.take(countOf(active_, scan_.consts, firstX_));
    const ValueSpan totals = deal.take(countOf(active_, 0, scan_.consts));
    Values arguments(consts.begin(), consts.end());
    append(arguments, deal.take(active_.size() - scan_.consts));
    const Values outputs = recorder.run(scan_.body.run, arguments, true);
    Values seeds, by;
    Deal ofCarry(carried);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const bool carries = i < scan_.carry && active_[scan_.consts + i];
      seeds.push_back(carries ? ofCarry.next() : isSeeded(i) ? deal.next() : Value());
    }
    for (size_t i = 0; i < arguments.size(); ++i)
      if (active_[i])
        by.push_back(arguments[i]);
    const Values pulled = reverseSweep(recorder.nodes(), outputs, seeds, by);
    Deal results(pulled);
    Values sums;
    for (const Value& total : totals) {
      const Value part = results.next();
      sums.push_back(part ? emitted::add(total, part) : total);
    }
    Values next;
    for (const Value& argument : ValueSpan(by).subspan(totals.size())) {
      const Value part = results.next();
      next.push_back(part ? part : emitted::like(argument, 0));
    }
    next.insert(next.begin() + static_cast<std::ptrdiff_t>(carried.size()), sums.begin(),
                sums.end());
    return next;
  }

  Values contributions(ValueSpan results) const {
    Deal deal(results);
    Values all(active_.size());
    for (size_t i = scan_.consts; i < firstX_; ++i)
      if (active_[i])
        all[i] = deal.next();
    if (scan_.length > 0) // no step reads such a carry
      for (size_t i = scan_.consts; i < firstX_; ++i)
        if (!reached_.inputs()[i])
          all[i] = Value();
    for (size_t i = 0; i < scan_.consts; ++i)
      if (active_[i])
        all[i] = deal.next();
    for (size_t i = firstX_; i < all.size(); ++i)
      if (active_[i])
        all[i] = deal.next();
    return all;
  }

  const Node& node_;
  const ControlFlow& scan_;
  const ValueSpan cotangents_;
  const Reached reached_;
  const std::vector<bool> active_; // by input of the body: swept
  const size_t firstX_;
};

} // namespace

Values pullLoop(const Node& node, ValueSpan cotangents, const std::vector<bool>& wanted) {
  const auto ready = forReverse(node.control);
  if (ready->kind == ControlFlow::Kind::whileLoop && ready->carry > 0)
    throw Error(node.where,
                "while_loop: expected a bound on the number of steps for a reverse sweep, got "
                "none; give max_steps, use scan or fori_loop, or differentiate forwards (jvp, "
                "jacfwd)");
  if (ready == node.control)
    return Pullback(node, cotangents, wanted).run();
  const Values again = currentEmitter().control(ready, node.operands);
  Node kept = node;
  kept.control = ready;
  kept.results = again;
  Values seeds(cotangents.begin(), cotangents.end());
  seeds.resize(again.size());
  return Pullback(kept, seeds, wanted).run();
}

//===-- Tangents -----------------------------------------------------------------------------===//

namespace {

/// The loop over values and tangents. In each of consts, carry and xs the tangents follow.
class Pushforward {
public:
  Pushforward(const Node& node, ValueSpan tangents)
      : node_(node), loop_(*node.control), tangents_(tangents) {
    for (const Value& tangent : tangents)
      marked_.push_back(static_cast<bool>(tangent));
    pushed_.resize(loop_.body.outputs.size());
  }

  Values run() {
    ControlFlow flow = loop_;
    flow.kept = 0;
    // A carry that gets a tangent has one from the start.
    do {
      grown_ = false;
      flow.body = closed(inputTypes(), [this](Recorder& recorder, ValueSpan inputs) {
        return step(recorder, inputs);
      });
    } while (grown_);
    const size_t first = loop_.consts, last = first + loop_.carry;
    flow.consts += countOf(marked_, 0, first);
    flow.carry += countOf(marked_, first, last);
    if (loop_.kind == ControlFlow::Kind::whileLoop) {
      const size_t shift = flow.consts;
      flow.other.inputs = flow.body.inputs;
      flow.other.run = [run = loop_.other.run, first, shift, count = loop_.carry](ValueSpan in) {
        Values own(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(first));
        append(own, in.subspan(shift, count));
        return run(own);
      };
    }
    return tangentsOf(
        currentEmitter().control(std::make_shared<ControlFlow>(std::move(flow)), operands()));
  }

private:
  // Calls part(begin, end) for the inputs that are consts, carry and xs.
  template <class F> void eachPart(const F& part) const {
    const size_t first = loop_.consts, last = first + loop_.carry;
    part(0, first);
    part(first, last);
    part(last, marked_.size());
  }

  std::vector<TensorType> inputTypes() const {
    std::vector<TensorType> all;
    eachPart([&](size_t begin, size_t end) {
      append(all, std::span(loop_.body.inputs).subspan(begin, end - begin));
      for (size_t i = begin; i < end; ++i)
        if (marked_[i])
          all.push_back(loop_.body.inputs[i]);
    });
    return all;
  }

  Values operands() const {
    Values all;
    eachPart([&](size_t begin, size_t end) {
      append(all, node_.operands.subspan(begin, end - begin));
      for (size_t i = begin; i < end; ++i)
        if (marked_[i])
          all.push_back(tangents_[i] ? tangents_[i] : emitted::like(node_.operands[i], 0));
    });
    return all;
  }

  Values step(Recorder& recorder, ValueSpan inputs) {
    Values arguments, by, tangents;
    Deal deal(inputs);
    eachPart([&](size_t begin, size_t end) {
      append(arguments, deal.take(end - begin));
      for (size_t i = begin; i < end; ++i)
        if (marked_[i]) {
          by.push_back(arguments[i]);
          tangents.push_back(deal.next());
        }
    });
    const Values outputs = recorder.run(loop_.body.run, arguments);
    const Values pushed = tangentSweep(recorder.nodes(), by, tangents, outputs);
    const auto middle = outputs.begin() + static_cast<std::ptrdiff_t>(loop_.carry);
    Values results(outputs.begin(), middle), ys;
    for (size_t i = 0; i < outputs.size(); ++i) {
      pushed_[i] = static_cast<bool>(pushed[i]);
      if (i >= loop_.carry) {
        if (pushed[i])
          ys.push_back(pushed[i]);
      } else if (marked_[loop_.consts + i]) {
        results.push_back(pushed[i] ? pushed[i] : emitted::like(outputs[i], 0));
      } else if (pushed[i]) {
        grown_ = marked_[loop_.consts + i] = true;
      }
    }
    append(results, ys);
    return results;
  }

  Values tangentsOf(ValueSpan results) const {
    Deal deal(results);
    deal.take(loop_.carry);
    Values all;
    for (size_t i = 0; i < pushed_.size(); ++i) {
      const bool has = i < loop_.carry ? marked_[loop_.consts + i] : pushed_[i];
      all.push_back(has ? deal.next() : Value());
    }
    return all;
  }

  const Node& node_;
  const ControlFlow& loop_;
  const ValueSpan tangents_;
  std::vector<bool> marked_; // by input of the body: has a tangent
  std::vector<bool> pushed_; // by output
  bool grown_ = false;
};

} // namespace

Values pushLoop(const Node& node, ValueSpan tangents) { return Pushforward(node, tangents).run(); }

} // namespace diptych::autodiff
