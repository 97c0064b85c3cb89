// An operation as a text: its name, attributes, types, and which values it takes.
#include "aot/SizedText.h"

#include "ir/Dialect.h"

#include <set>

namespace diptych::aot {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<SizedText> SizedText::of(std::span<const std::string> texts, const Samples& at) {
  SizedText made;
  std::vector<size_t> place(texts.size(), 0);
  std::string plain;
  while (place[0] < texts[0].size()) {
    if (const char c = texts[0][place[0]]; !isDigit(c)) {
      plain += c;
      for (size_t i = 0; i < texts.size(); ++i)
        if (place[i] >= texts[i].size() || texts[i][place[i]++] != c)
          return std::nullopt;
      continue;
    }
    std::vector<int64_t> values;
    std::set<std::string> numbers; // as they are written
    for (size_t i = 0; i < texts.size(); ++i) {
      const size_t begin = place[i];
      while (place[i] < texts[i].size() && isDigit(texts[i][place[i]]))
        ++place[i];
      if (place[i] == begin || place[i] - begin > 18)
        return std::nullopt;
      const std::string number = texts[i].substr(begin, place[i] - begin);
      numbers.insert(number);
      values.push_back(std::stoll(number));
    }
    if (numbers.size() == 1) {
      plain += *numbers.begin();
      continue;
    }
    const auto extent = at.fit(values);
    if (!extent)
      return std::nullopt;
    made.parts_.emplace_back(std::exchange(plain, {}));
    made.parts_.emplace_back(*extent);
  }
  for (size_t i = 0; i < texts.size(); ++i)
    if (place[i] != texts[i].size())
      return std::nullopt;
  made.parts_.emplace_back(plain);
  return made;
}

std::string SizedText::at(std::span<const int64_t> sizes) const {
  std::string text;
  for (const auto& part : parts_)
    text += std::holds_alternative<Extent>(part) ? std::to_string(std::get<Extent>(part).at(sizes))
                                                 : std::get<std::string>(part);
  return text;
}

std::string SizedText::str(std::span<const Dim> dims) const {
  std::string text;
  for (const auto& part : parts_)
    text += std::holds_alternative<Extent>(part) ? std::get<Extent>(part).str(dims)
                                                 : std::get<std::string>(part);
  return text;
}

namespace {

/// Operations of a module in the order of their places.
struct Operations {
  std::vector<mlir::Operation*> list;
  std::vector<std::string> texts;

  explicit Operations(mlir::ModuleOp module) {
    llvm::DenseMap<mlir::Value, size_t> numbers;
    module.walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      for (mlir::Value operand : op->getOperands())
        stream << " v" << numbers.lookup(operand);
      for (mlir::Value result : op->getResults()) {
        numbers.try_emplace(result, numbers.size() + 1);
        stream << " " << result.getType();
      }
      for (mlir::Region& region : op->getRegions())
        for (mlir::Block& block : region)
          for (mlir::Value argument : block.getArguments()) {
            numbers.try_emplace(argument, numbers.size() + 1);
            stream << " " << argument.getType();
          }
      // Values of constants may follow from sizes in other ways: the schedule is asked for them.
      for (const mlir::NamedAttribute& attribute : op->getAttrDictionary())
        if (!mlir::isa<mlir::ElementsAttr>(attribute.getValue()))
          stream << " " << attribute.getName().getValue() << " " << attribute.getValue();
      list.push_back(op);
      texts.push_back(std::move(text));
    });
  }
};

[[noreturn]] void refuse(mlir::Operation* op, std::span<const Dim> dims,
                         std::span<const int64_t> sizes, const std::string& what) {
  std::string text;
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + dims[i].name + " = " + std::to_string(sizes[i]);
  throw Error(ir::sourceLocationOf(op->getLoc()),
              "aot: the function does something else for " + text + ": " +
                  op->getName().stripDialect().str() + " " + what +
                  "; a function with open shapes must do the same for every size: give the sizes "
                  "bounds within which it does, or fix one");
}

} // namespace

static std::vector<int64_t> boundsOf(mlir::Operation* op) {
  std::vector<int64_t> bounds;
  for (const TensorType& type : ir::tensorTypesOf(op->getResultTypes()))
    bounds.insert(bounds.end(), type.shape.begin(), type.shape.end());
  const std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code || op->getNumOperands() == 0)
    return bounds;
  const Attrs attrs = ir::attrsOf(op);
  const Shape shape = ir::tensorTypeOf(op->getOperand(0).getType()).shape;
  const OpInfo& row = info(*code);
  if (*code == OpCode::Slice)
    for (int i = 0; i < shape.size(); ++i) {
      bounds.push_back(shape[i] - attrs.limits[i]);
      bounds.push_back(attrs.starts[i]);
    }
  if (row.family == Family::ArgReduction)
    bounds.push_back(shape[attrs.axis] - 1);
  if (row.isReduction() && (row.combiner == OpCode::Maximum || row.combiner == OpCode::Minimum))
    for (const int64_t axis : attrs.axes)
      bounds.push_back(shape[axis] - 1);
  return bounds;
}

std::vector<Extent> constraintsOf(std::span<const mlir::ModuleOp> traces, const Samples& at) {
  std::vector<std::vector<int64_t>> samples;
  for (mlir::ModuleOp trace : traces) {
    std::vector<int64_t>& all = samples.emplace_back();
    trace->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
      const auto bounds = boundsOf(op);
      all.insert(all.end(), bounds.begin(), bounds.end());
    });
  }
  std::vector<Extent> constraints;
  for (size_t i = 0; i < samples[0].size(); ++i) {
    std::vector<int64_t> values;
    for (const auto& sample : samples)
      values.push_back(sample[i]);
    if (const auto extent = at.fit(values); extent && !extent->isFixed())
      constraints.push_back(*extent);
  }
  return constraints;
}

void compareTraces(std::span<const mlir::ModuleOp> traces, const Samples& at,
                   std::span<const Dim> dims, mlir::ModuleOp other,
                   std::span<const int64_t> sizes) {
  std::vector<Operations> samples;
  for (mlir::ModuleOp trace : traces)
    samples.emplace_back(trace);
  const Operations found(other);
  const auto check = [&](const Operations& own, std::span<const int64_t> there) {
    for (size_t i = 0; i < std::max(own.list.size(), samples[0].list.size()); ++i) {
      if (i >= own.list.size())
        refuse(samples[0].list[i], dims, there, "is missing");
      if (i >= samples[0].list.size() || own.list[i]->getName() != samples[0].list[i]->getName())
        refuse(own.list[i], dims, there, "comes in its place");
    }
  };
  for (size_t s = 1; s < samples.size(); ++s)
    check(samples[s], at.at(s));
  check(found, sizes);
  for (size_t i = 0; i < found.list.size(); ++i) {
    std::vector<std::string> texts;
    for (const Operations& sample : samples)
      texts.push_back(sample.texts[i]);
    const auto text = SizedText::of(texts, at);
    if (!text || text->at(sizes) != found.texts[i])
      refuse(found.list[i], dims, sizes, "has sizes or attributes that follow no rule");
  }
}

} // namespace diptych::aot
