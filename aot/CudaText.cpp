// NAME_cuda.h and NAME_cuda.c: tables of the plans around the fixed text.
#include "aot/CudaPlan.h"
#include "aot/CudaSupport.h"
#include "aot/Model.h"

#include <algorithm>
#include <cstring>

namespace diptych::aot {

namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return text;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

/// The fixed text with the artefact's name in it.
std::string named(const char* text, const CudaModel& model) {
  const std::string own = "\x01"; // no name has it
  std::string out = replaced(text, "NAME_CUDA_", own);
  out = replaced(out, "NAME_cuda", model.options.name + "_cuda");
  return replaced(out, own, upper(model.options.name) + "_CUDA_");
}

const char* elementOf(DType dtype) {
  switch (dtype) {
  case DType::f32: return "float";
  case DType::f64: return "double";
  case DType::i32: return "int32_t";
  case DType::i64: return "int64_t";
  case DType::boolean: return "uint8_t";
  case DType::bf16:
  case DType::f16: return "uint16_t";
  }
  return "void";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

struct Signatures {
  std::string device, host, check;
};

Signatures signaturesOf(const CudaModel& model, const EntryInfo& entry) {
  const std::string handle = model.options.name + "_cuda *artefact";
  const std::string stem = "int " + model.options.name + "_cuda_" + entry.name;
  Signatures made{stem + "(" + handle, stem + "_host(" + handle,
                  stem + "_check(" + handle + ", uint64_t workspace, void *stream)"};
  const auto append = [&](const TensorInfo& tensor, const char* qualifier) {
    made.device += ", uint64_t " + tensor.name;
    made.host += std::string(", ") + qualifier + elementOf(tensor.type.dtype) + " *" + tensor.name;
  };
  for (const TensorInfo& input : entry.inputs)
    append(input, "const ");
  for (const TensorInfo& output : entry.outputs)
    append(output, "");
  made.device += ", uint64_t workspace, void *stream)";
  made.host += ")";
  return made;
}

class SourceText {
public:
  explicit SourceText(const CudaModel& model) : model_(model) {}

  std::string make() {
    text_ = "/* Made by Diptych " + std::string(version()) +
            "; not to be edited. Needs NVIDIA's driver at run time, and no header of CUDA. */\n"
            "#include \"" +
            model_.options.name +
            "_cuda.h\"\n\n#include <dlfcn.h>\n#include <stddef.h>\n#include <stdio.h>\n"
            "#include <stdlib.h>\n#include <string.h>\n\n";
    images();
    tables();
    text_ += named(kCudaSupport, model_) + named(kCudaWalk, model_);
    for (size_t e = 0; e < model_.entries.size(); ++e)
      entry(e);
    return std::move(text_);
  }

private:
  /// 64-bit words, which align it.
  void words(const std::string& name, const std::string& bytes) {
    text_ += "static const uint64_t " + name + "[] = {";
    for (size_t at = 0; at < bytes.size() || at == 0; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
      char digits[32];
      std::snprintf(digits, sizeof digits, "%s0x%llxu,", at % 64 == 0 ? "\n" : "",
                    static_cast<unsigned long long>(word));
      text_ += digits;
    }
    text_ += "};\n";
  }

  void images() {
    std::string table;
    for (size_t i = 0; i < model_.images.size(); ++i) {
      words("image" + std::to_string(i), model_.images[i].bytes);
      table += "  {" + std::to_string(model_.images[i].capability) + ", image" + std::to_string(i) +
               "},\n";
    }
    text_ += "/* Machine code of a compute capability; 0: PTX. */\n"
             "static const struct { int capability; const uint64_t *words; } images[] = {\n" +
             table + "};\n";
    constant("IMAGES", model_.images.size());
    words("constants", model_.constants);
    constant("CONSTANT_BYTES", model_.constants.size());
  }

  void constant(const char* name, size_t value) {
    text_ += std::string("#define ") + name + " " + std::to_string(value) + "\n";
  }

  void tables() {
    std::string plans, bytes, failures;
    size_t array = 0, failure = 0, mostArrays = 1, most = 0;
    for (size_t e = 0; e < model_.entries.size(); ++e) {
      const CudaPlan& plan = model_.plans[e];
      const EntryInfo& entry = model_.entries[e];
      const size_t arrays = entry.inputs.size() + entry.outputs.size();
      plans += row({static_cast<int64_t>(plan.program), static_cast<int64_t>(entry.inputs.size()),
                    static_cast<int64_t>(arrays), static_cast<int64_t>(array),
                    static_cast<int64_t>(plan.failures.size()), static_cast<int64_t>(failure),
                    plan.statusOffset, plan.workspaceBytes});
      for (const auto* tensors : {&entry.inputs, &entry.outputs})
        for (const TensorInfo& tensor : *tensors)
          bytes += std::to_string(tensor.type.bytes()) + ", ";
      for (const std::string& text : plan.failures)
        failures += "  " + quoted(text) + ",\n";
      array += arrays;
      failure += plan.failures.size();
      mostArrays = std::max(mostArrays, arrays);
      most = std::max(most, plan.failures.size());
    }
    text_ += "struct plan { int program, inputs, arrays, firstArray, statuses, failure; uint64_t "
             "status, workspace; };\nstatic const struct plan plans[] = {\n" +
             plans + "};\nstatic const size_t bytes[] = {" + bytes +
             "0};\nstatic const char *const failures[] = {\n" + failures + "  \"\"};\n";
    text_ += "static const char *const functions[] = {\n";
    for (const std::string& function : model_.functions)
      text_ += "  " + quoted(function) + ",\n";
    text_ += "  \"\"};\n";
    constant("FUNCTIONS", model_.functions.size());
    constant("MOST_ARRAYS", mostArrays);
    constant("MOST_STATUSES", most);
    programs();
    controls();
    products();
  }

  void programs() {
    std::string programs, steps, places;
    size_t step = 0, place = 0, mostArgs = 1, mostSlots = 1;
    for (const CudaProgram& program : model_.programs) {
      programs += row({static_cast<int64_t>(step), static_cast<int64_t>(program.steps.size()),
                       static_cast<int64_t>(program.inputs)});
      for (const CudaStep& one : program.steps) {
        const bool isLaunch = one.kind == CudaStep::Kind::launch;
        const auto function =
            std::find(model_.functions.begin(), model_.functions.end(), one.function) -
            model_.functions.begin();
        steps += row({static_cast<int64_t>(one.kind),
                      isLaunch ? function : static_cast<int64_t>(one.number), one.blocks,
                      isLaunch ? one.threads : static_cast<int64_t>(one.instead),
                      static_cast<int64_t>(one.args.size()), static_cast<int64_t>(place)});
        for (const CudaPlace& arg : one.args)
          places += row({static_cast<int64_t>(arg.kind), arg.index, arg.offset});
        place += one.args.size();
        mostArgs = std::max(mostArgs, one.args.size());
      }
      step += program.steps.size();
      mostSlots = std::max(mostSlots, program.inputs + program.outputs);
    }
    text_ +=
        "struct program { int first, steps, inputs; };\n"
        "static const struct program programs[] = {\n" +
        programs +
        "};\n/* Of kind 0: a launch; 1: a scan; 2: a while loop; 3: a branch; 4: a product, and "
        "how "
        "many steps do it without\n   cuBLAS. */\n"
        "struct step { int kind, number; unsigned blocks, threads; int args, first; };\n"
        "static const struct step steps[] = {\n" +
        steps + "  {0, 0, 0, 0, 0, 0}};\n" +
        "/* Of kind 0: an input; 1: an output; 2: the program's memory; 3: the constants; 4: the "
        "workspace. */\n"
        "struct place { int kind; int64_t index; uint64_t offset; };\n"
        "static const struct place places[] = {\n" +
        places + "  {0, 0, 0}};\n";
    constant("MOST_ARGS", mostArgs);
    constant("MOST_SLOTS", mostSlots);
  }

  void controls() {
    std::string controls, sizes;
    size_t size = 0;
    for (const CudaControl& control : model_.controls) {
      const runtime::ControlStep& step = control.step;
      controls += row({static_cast<int64_t>(control.body), static_cast<int64_t>(control.other),
                       static_cast<int64_t>(step.consts), static_cast<int64_t>(step.carry),
                       static_cast<int64_t>(step.xs), static_cast<int64_t>(step.results),
                       int64_t{step.reverse}, static_cast<int64_t>(size), step.length});
      for (const auto* all : {&step.carryBytes, &step.xBytes, &step.yBytes, &control.staged}) {
        for (int64_t bytes : *all)
          sizes += std::to_string(bytes) + ", ";
        size += all->size();
      }
    }
    text_ +=
        "struct control { int body, other, consts, carry, xs, results, reverse, sizes; int64_t "
        "length; };\nstatic const struct control controls[] = {\n" +
        controls + "  {0, 0, 0, 0, 0, 0, 0, 0, 0}};\nstatic const int64_t sizes[] = {" + sizes +
        "0};\n";
  }

  void products() {
    std::string products;
    for (const runtime::cuda::Gemm& gemm : model_.products) {
      const auto three = [](int64_t a, int64_t b, int64_t c) {
        return ", {" + std::to_string(a) + ", " + std::to_string(b) + ", " + std::to_string(c) +
               "}";
      };
      const auto two = [](int64_t a, int64_t b) {
        return ", {" + std::to_string(a) + ", " + std::to_string(b) + "}";
      };
      products +=
          "  {" + std::to_string(gemm.m) + ", " + std::to_string(gemm.n) + ", " +
          std::to_string(gemm.k) + ", " + std::to_string(gemm.count) +
          three(gemm.a.transposed, gemm.b.transposed, 0) +
          three(gemm.a.leading, gemm.b.leading, gemm.c.leading) +
          three(gemm.arg[0], gemm.arg[1], gemm.arg[2]) +
          three(runtime::cuda::blasTypeOf(gemm.dtype), runtime::cuda::blasTypeOf(gemm.result),
                runtime::cuda::blasSumOf(gemm.dtype)) +
          two(sizeOf(gemm.dtype), sizeOf(gemm.result)) +
          three(gemm.a.batch, gemm.b.batch, gemm.c.batch) +
          three(gemm.a.offset, gemm.b.offset, gemm.c.offset) + "},\n";
    }
    text_ +=
        "struct product { int m, n, k, count, turned[3], leading[3], args[3], types[3], "
        "sizes[2]; int64_t batch[3], offsets[3]; };\nstatic const struct product products[] = {\n" +
        products +
        "  {0, 0, 0, 0, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0}, {0, 0, 0}, {0, 0, "
        "0}}};\n";
    constant("PRODUCTS", model_.products.size());
  }

  static std::string row(std::initializer_list<int64_t> numbers) {
    std::string text = "  {";
    for (int64_t number : numbers)
      text += (text.size() > 3 ? ", " : "") + std::to_string(number);
    return text + "},\n";
  }

  void entry(size_t e) {
    const EntryInfo& entry = model_.entries[e];
    const Signatures signatures = signaturesOf(model_, entry);
    const std::string plan = "&plans[" + std::to_string(e) + "]";
    std::string arrays, inputs, outputs;
    for (const TensorInfo& input : entry.inputs) {
      arrays += input.name + ", ";
      inputs += input.name + ", ";
    }
    for (const TensorInfo& output : entry.outputs) {
      arrays += output.name + ", ";
      outputs += output.name + ", ";
    }
    text_ += "\n" + signatures.device + " {\n  const uint64_t arrays[] = {" + arrays +
             "0};\n  return enqueue(artefact, " + plan + ", arrays, workspace, stream);\n}\n\n" +
             signatures.check + " {\n  return check(artefact, " + plan +
             ", workspace, stream);\n}\n\n" + signatures.host +
             " {\n  const void *const inputs[] = {" + inputs +
             "NULL};\n  void *const outputs[] = {" + outputs +
             "NULL};\n  return onHost(artefact, " + plan + ", inputs, outputs);\n}\n";
  }

  const CudaModel& model_;
  std::string text_;
};

} // namespace

std::string cudaHeaderText(const CudaModel& model) {
  const std::string name = model.options.name, guard = upper(name) + "_CUDA_H";
  std::string code;
  for (const CudaImage& image : model.images)
    code += (code.empty() ? "" : ", ") +
            (image.capability ? "sm_" + std::to_string(image.capability) : std::string("PTX"));
  std::string text =
      "/* " + name + " on a GPU. Made by Diptych " + version() + ". Code: " + code +
      ".\n   Arrays are row-major without gaps; on the GPU they and the workspace "
      "are addresses (CUdeviceptr), arrays\n   aligned to 16 bytes, the workspace to "
      "256. Calls are enqueued on a CUstream, or where that is NULL on\n   one of "
      "the artefact's own; NAME_check waits and says whether a step failed. The "
      "_host functions take arrays\n   of the host and wait. */\n#ifndef " +
      guard + "\n#define " + guard +
      "\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n" +
      named(kCudaDeclarations, model);
  for (size_t e = 0; e < model.entries.size(); ++e) {
    const EntryInfo& entry = model.entries[e];
    const Signatures signatures = signaturesOf(model, entry);
    text += "\n/* ";
    for (const TensorInfo& input : entry.inputs)
      text += input.name + " " + input.type.str() + "; ";
    text += "gives";
    for (const TensorInfo& output : entry.outputs)
      text += " " + output.name + " " + output.type.str();
    text += " */\n#define " + upper(name) + "_CUDA_" + upper(entry.name) + "_WORKSPACE_BYTES " +
            std::to_string(model.plans[e].workspaceBytes) + "\n" + signatures.device + ";\n" +
            signatures.check + ";\n" + signatures.host + ";\n";
  }
  return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

std::string cudaSourceText(const CudaModel& model) { return SourceText(model).make(); }

} // namespace diptych::aot
