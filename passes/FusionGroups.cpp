// Grouping. A value that several kernels need is computed again where that costs no more memory
// traffic than reading it; otherwise one of them stores it.
#include "passes/FusionGroups.h"

#include "ir/DialectMovements.h"
#include "passes/FusionRoles.h"

#include <map>

namespace diptych::passes {

using namespace mlir;

namespace {
// Recomputing more than this many operations an element costs more than a load.
constexpr int kCheap = 4;
constexpr size_t kMaxCopies = 3;
// A kernel of its own is worth it where a heavy value would be computed this often.
constexpr int64_t kManyTimes = 4;
// A product computes an operand of so many bytes where it reads it (codegen/ScheduleMatmul).
constexpr int64_t kOperandBytes = 256 * 1024;
constexpr size_t kMaxMembers = 128;
// So many scans have their values in registers.
constexpr size_t kMaxScans = 8;
// Kernels that one group is cut into.
constexpr size_t kMaxPieces = 5;
// Operators between two members that are searched for a way back; more of them count as one.
constexpr size_t kMaxBetween = 512;
} // namespace

static Shape shapeOf(Value value) { return ir::tensorTypeOf(value.getType()).shape; }

namespace {

class Grouping {
public:
  Grouping(Block& block, const FusionOptions& options)
      : block_(block), options_(options), pieces_(options.scans && !options.choices) {
    if (options.scans)
      for (Operation& op : block)
        if (isScan(&op, options.choices))
          scans_.insert(&op);
  }

  std::vector<std::unique_ptr<FusionGroup>> run() {
    for (Operation& op : block_)
      position_[&op] = static_cast<int>(position_.size());
    for (Operation& op : llvm::reverse(block_.without_terminator()))
      visit(&op);
    for (auto& group : groups_)
      sortMembers(*group);
    return std::move(groups_);
  }

private:
  void visit(Operation* op) {
    if (scans_.contains(op))
      return visitScan(op);
    if (pieces_)
      if (const std::optional<ir::Pieces> pieces = ir::piecesOf(op))
        return visitPieces(op, *pieces);
    switch (roleOf(op)) {
    case Role::Barrier: return;
    case Role::Reduction: start(op, shapeOf(op->getOperand(0)), true); return;
    case Role::Creation:
    case Role::IndexMap:
      for (FusionGroup* group : userGroups(op))
        if (!closesCycle(*group, op, false))
          join(*group, op, false);
      return;
    case Role::Pointwise: visitPointwise(op); return;
    }
  }

  // With those that read it element by element, else with others of the same arrays.
  void visitScan(Operation* op) {
    const int64_t axis = ir::attrsOf(op).axis;
    const SmallVector<Value> sources = sourcesOf(op);
    const llvm::SetVector<FusionGroup*> users = userGroups(op);
    const bool outside = hasOutsideUse(op) || users.size() != 1;
    const auto joins = [&](FusionGroup* group) {
      const bool store = outside || !users.contains(group);
      if (!mayScan(*group, op, axis, store))
        return false;
      join(*group, op, store);
      group->aligned.insert(op);
      group->scanned = axis;
      group->sources.insert(sources.begin(), sources.end());
      return true;
    };
    if (llvm::any_of(users, joins))
      return;
    for (auto& group : groups_)
      if (group->scanned == axis && !users.contains(group.get()) &&
          llvm::any_of(sources, [&](Value source) { return group->sources.contains(source); }) &&
          joins(group.get()))
        return;
    start(op, shapeOf(op->getResult(0)), false);
    groups_.back()->scanned = axis;
    groups_.back()->sources.insert(sources.begin(), sources.end());
  }

  bool mayScan(FusionGroup& group, Operation* op, int64_t axis, bool store) {
    const auto scans =
        llvm::count_if(group.members, [&](Operation* member) { return scans_.contains(member); });
    return !group.reduction && !group.pieced && group.members.size() < kMaxMembers &&
           static_cast<size_t>(scans) < kMaxScans && group.space == shapeOf(op->getResult(0)) &&
           group.scanned.value_or(axis) == axis && isInStep(group, op) &&
           !closesCycle(group, op, store);
  }

  // Whether no member needs it at another place than its own.
  bool isInStep(const FusionGroup& group, Operation* op) {
    llvm::SetVector<Operation*> readers;
    readers.insert(op);
    for (size_t i = 0; i < readers.size(); ++i)
      for (Operation* user : readers[i]->getUsers()) {
        if (!group.members.contains(user))
          continue;
        if (!keepsPlaces(user) || !group.aligned.contains(user))
          return false;
        readers.insert(user);
      }
    return true;
  }

  // With those that read it element by element; else it is an array, into which kernels store.
  void visitPieces(Operation* op, const ir::Pieces& pieces) {
    const llvm::SetVector<FusionGroup*> users = userGroups(op);
    const auto joins = [&](FusionGroup* group, bool store) {
      return mayCut(*group, op, pieces) && !closesCycle(*group, op, store);
    };
    const auto take = [&](FusionGroup& group, bool store) {
      join(group, op, store);
      cut(group, pieces);
    };
    if (!hasOutsideUse(op) && !users.empty() && users.size() <= kMaxCopies &&
        llvm::all_of(users, [&](FusionGroup* group) { return joins(group, false); })) {
      for (FusionGroup* group : users)
        take(*group, false);
      return;
    }
    for (FusionGroup* group : users)
      if (joins(group, true))
        return take(*group, true);
  }

  bool mayCut(const FusionGroup& group, Operation* op, const ir::Pieces& pieces) {
    llvm::SmallSetVector<int64_t, 8> cuts(group.cuts.begin(), group.cuts.end());
    cuts.insert(pieces.cuts.begin(), pieces.cuts.end());
    return !group.reduction && !group.scanned && group.members.size() < kMaxMembers &&
           group.pieced.value_or(pieces.axis) == pieces.axis && cuts.size() < kMaxPieces &&
           group.space == shapeOf(op->getResult(0)) && hasLongRuns(op, pieces) &&
           isInStep(group, op);
  }

  static void cut(FusionGroup& group, const ir::Pieces& pieces) {
    group.pieced = pieces.axis;
    group.cuts.insert(pieces.cuts.begin(), pieces.cuts.end());
  }

  void visitPointwise(Operation* op) {
    llvm::SetVector<FusionGroup*> users = userGroups(op);
    const bool outside = hasOutsideUse(op);
    const bool once = (users.size() == 1 || isCheap(op, users)) && !isRepeated(op, users) &&
                      !scalesOperand(op, users);
    if (!outside && once && !users.empty()) {
      const bool fits = llvm::none_of(users, [&](FusionGroup* group) {
        return group->members.size() >= kMaxMembers || closesCycle(*group, op, false);
      });
      if (fits) {
        for (FusionGroup* group : users)
          join(*group, op, false);
        return;
      }
    }
    for (FusionGroup* group : users)
      if (canStore(*group, op)) {
        join(*group, op, true);
        return;
      }
    start(op, shapeOf(op->getResult(0)), false);
  }

  // Light, and reads at most one array of the result's size that a kernel does not read anyway, so
  // recomputing it reads no more than loading it. One kernel would compute it for the others.
  bool isCheap(Operation* op, const llvm::SetVector<FusionGroup*>& users) {
    if (info(*ir::opCodeOf(op)).cost > kCheap)
      return false;
    if (readsLess(op))
      return true;
    if (users.size() > kMaxCopies)
      return false;
    if (llvm::count_if(op->getOperands(), isLarge) <= 1)
      return true;
    if (isNarrower(op))
      return false;
    FusionGroup* storing = nullptr;
    for (FusionGroup* group : users) {
      const auto isNew = [&](Value operand) { return isLarge(operand) && !reads(*group, operand); };
      if (llvm::count_if(op->getOperands(), isNew) <= 1)
        continue;
      if (storing || !canStore(*group, op))
        return false;
      storing = group;
    }
    return true;
  }
  static bool isLarge(Value operand) {
    Operation* source = operand.getDefiningOp();
    std::optional<OpCode> code = source ? ir::opCodeOf(source) : std::nullopt;
    return !code || (info(*code).family != Family::Creation && *code != OpCode::Broadcast);
  }
  static bool reads(const FusionGroup& group, Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation* user) {
      return group.members.contains(user) && keepsPlaces(user);
    });
  }

  // Costs more than a load, and would be computed again and again: it varies along the innermost
  // loop of a kernel, where nothing is hoisted, and repeats along others.
  bool isRepeated(Operation* op, const llvm::SetVector<FusionGroup*>& users) {
    if (info(*ir::opCodeOf(op)).cost < kCheap)
      return false;
    const Shape own = shapeOf(op->getResult(0));
    const auto proper = ir::properAxes(own);
    return !proper.empty() && llvm::any_of(users, [&](FusionGroup* group) {
      return group->space.product() >= kManyTimes * own.product() &&
             reachesInnermost(*group, op->getResult(0), proper.back());
    });
  }

  // A vector that scales the rows or columns of a product's right operand: in memory, it leaves so
  // little to do for each element that the product does it.
  bool scalesOperand(Operation* op, const llvm::SetVector<FusionGroup*>& users) {
    if (users.size() != 1 || users[0]->stored.size() != 1 || users[0]->reduction ||
        isAlignedIn(*users[0], op))
      return false;
    Value operand = users[0]->stored[0]->getResult(0);
    const int64_t bytes = ir::tensorTypeOf(operand.getType()).bytes();
    if (operand.hasOneUse())
      if (auto turned = dyn_cast<ir::TransposeOp>(*operand.user_begin()))
        operand = turned.getResult();
    return operand.hasOneUse() && isa<ir::MatmulOp>(*operand.user_begin()) &&
           operand.use_begin()->getOperandNumber() == 1 &&
           choose(options_.choices,
                  bytes >= kOperandBytes && users[0]->space.product() >=
                                                kManyTimes * shapeOf(op->getResult(0)).product());
  }

  // Whether an axis of a value becomes the innermost axis of the group.
  bool reachesInnermost(const FusionGroup& group, Value value, int64_t axis) {
    return llvm::any_of(value.getUsers(), [&](Operation* user) {
      if (!group.members.contains(user))
        return false;
      const std::optional<int64_t> after = axisAfter(user, axis);
      const bool arrives = group.aligned.contains(user) && keepsPlaces(user);
      return after && (arrives ? *after == group.innermost
                               : reachesInnermost(group, user->getResult(0), *after));
    });
  }

  bool canStore(FusionGroup& group, Operation* op) {
    return group.members.size() < kMaxMembers && group.space == shapeOf(op->getResult(0)) &&
           isAlignedIn(group, op) && !closesCycle(group, op, true);
  }

  // Some aligned member reads it without an index map in between.
  bool isAlignedIn(FusionGroup& group, Operation* op) {
    return llvm::any_of(op->getUsers(), [&](Operation* user) {
      return group.aligned.contains(user) && keepsPlaces(user);
    });
  }

  void start(Operation* op, const Shape& space, bool reduction) {
    groups_.push_back(std::make_unique<FusionGroup>());
    FusionGroup& group = *groups_.back();
    group.space = space;
    group.innermost = innermostOf(op, space);
    group.reduction = reduction;
    add(group, op, true);
    group.aligned.insert(op);
  }

  void join(FusionGroup& group, Operation* op, bool store) {
    if (isAlignedIn(group, op))
      group.aligned.insert(op);
    add(group, op, store);
  }

  void add(FusionGroup& group, Operation* op, bool store) {
    group.members.insert(op);
    groupsOf_[op].push_back(&group);
    if (store)
      group.stored.insert(op);
    if (store && group.stored.size() > 1)
      addWayBack(group);
  }

  llvm::SetVector<FusionGroup*> userGroups(Operation* op) {
    llvm::SetVector<FusionGroup*> users;
    for (Operation* user : op->getUsers())
      for (FusionGroup* group : groupsOf_.lookup(user))
        users.insert(group);
    return users;
  }

  // A use that reads memory: by no group, or by an operator that also stands outside its groups.
  bool hasOutsideUse(Operation* op) {
    return llvm::any_of(op->getUsers(), [&](Operation* user) {
      return !groupsOf_.count(user) || standsOutside(user);
    });
  }
  bool standsOutside(Operation* op) {
    const Role role = roleOf(op);
    if (role != Role::IndexMap && role != Role::Creation)
      return false;
    // A group that it could not join reads what it stores.
    return hasOutsideUse(op) || llvm::any_of(userGroups(op), [&](FusionGroup* group) {
             return !group->members.contains(op);
           });
  }

  // A kernel runs as a whole: nothing outside may lie between two of its members.
  bool closesCycle(FusionGroup& group, Operation* op, bool store) {
    if (group.stored.size() + store < 2)
      return false;
    const int last = lastThatMayReturn(group);
    llvm::DenseSet<Operation*> seen;
    SmallVector<Operation*> pending(group.stored.begin(), group.stored.end());
    if (store)
      pending.push_back(op);
    auto inside = [&](Operation* other) { return other == op || group.members.contains(other); };
    while (!pending.empty()) {
      Operation* source = pending.pop_back_val();
      for (Operation* user : source->getUsers()) {
        const bool within = inside(user);
        if ((within && !inside(source)) || seen.size() > kMaxBetween)
          return true;
        if (position_.lookup(user) > last || !seen.insert(user).second)
          continue;
        // A member may have a copy elsewhere, whose users depend on this group too.
        pending.push_back(user);
        if (within)
          continue;
        for (FusionGroup* other : groupsOf_.lookup(user))
          for (Operation* stored : other->stored)
            if (!inside(stored) && seen.insert(stored).second)
              pending.push_back(stored);
      }
    }
    return false;
  }

  // Uses lead forward; only a group that stores several values leads back, from its root to the
  // first of them. What lies behind all such groups reaches no member: without this bound, grouping
  // is quadratic.
  int lastThatMayReturn(const FusionGroup& group) {
    const int root = position_.lookup(group.members[0]);
    const auto after = ways_.upper_bound(root);
    return after == ways_.begin() ? root : std::max(root, std::prev(after)->second);
  }

  // Ways back that meet are one.
  void addWayBack(const FusionGroup& group) {
    int first = position_.lookup(group.stored.back()), last = position_.lookup(group.members[0]);
    auto at = ways_.upper_bound(first);
    if (at != ways_.begin() && std::prev(at)->second >= first)
      first = (--at)->first;
    for (; at != ways_.end() && at->first <= last; at = ways_.erase(at))
      last = std::max(last, at->second);
    ways_[first] = last;
  }

  void sortMembers(FusionGroup& group) {
    SmallVector<Operation*> members = group.members.takeVector();
    llvm::sort(members, [](Operation* a, Operation* b) { return a->isBeforeInBlock(b); });
    group.members.insert(members.begin(), members.end());
    SmallVector<Operation*> stored = group.stored.takeVector();
    llvm::sort(stored, [](Operation* a, Operation* b) { return a->isBeforeInBlock(b); });
    group.stored.insert(stored.begin(), stored.end());
  }

  Block& block_;
  FusionOptions options_;
  const bool pieces_;                // whether kernels may be cut
  llvm::DenseSet<Operation*> scans_; // that may join
  std::vector<std::unique_ptr<FusionGroup>> groups_;
  llvm::DenseMap<Operation*, SmallVector<FusionGroup*, 2>> groupsOf_;
  llvm::DenseMap<Operation*, int> position_; // in the block
  std::map<int, int> ways_;                  // from first stored values to roots
};

} // namespace

std::vector<std::unique_ptr<FusionGroup>> groupOperators(Block& block,
                                                         const FusionOptions& options) {
  return Grouping(block, options).run();
}

} // namespace diptych::passes
