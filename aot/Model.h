// What the parts of ahead-of-time compilation pass to one another: sources in, a described model
// out. Owns the numbering of error codes.
#pragma once

#include "aot/Samples.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace diptych::aot {

/// A function @main of the dialect that becomes the C function NAME_<name>. The last of its inputs
/// are the captures.
struct Source {
  /// The function for so many examples; 0: no batch.
  struct Part {
    int64_t examples = 0;
    mlir::OwningOpRef<mlir::ModuleOp> module;
  };
  /// Sizes that are chosen at the call.
  struct Open {
    std::vector<Dim> dims;
    std::vector<int64_t> example;                     // their sizes there
    std::vector<std::vector<Extent>> inputs, outputs; // shapes; inputs without captures
    std::vector<Extent> constraints;                  // what must not be negative
    Samples samples{{}};
  };
  std::string name;
  /// One, or those of a batch, the largest first and one example last, or those of the samples.
  std::vector<Part> parts;
  std::optional<Open> open;
  std::optional<Dim> dim;
  std::vector<bool> batched;                        // by input, where there is a batch
  std::vector<std::string> inputNames, outputNames; // without those of captures
  Values captures;
  SourceLocation where;
};

/// What the C functions return. Codes from kFirstFailure on are steps of the model that failed; the
/// bits above kCodeBits say where, plus 1: which index, which matrix. 0: that is not known.
enum Code {
  kDone = 0,
  kNullPointer = 1,
  kBadWorkspace = 2,
  kWrongCpu = 3,
  kNoWeights = 4, // not opened
  kNoFile = 5,    // of weights: it cannot be read
  kWrongFile = 6, // of weights: it is another
  kBadSize = 7,   // one that is chosen at the call
  kNoThreads = 8, // a pool, or the caller's `run`, did not run them
  kFirstFailure = 16
};

constexpr int kCodeBits = 12;
constexpr int kMostCode = (1 << kCodeBits) - 1;

/// The largest Options::threads.
constexpr int kMostThreads = 256;
constexpr int64_t kWorkspaceAlignment = 64;

/// The weights in a file: safetensors, whose header is known when the artefact is made.
struct WeightFile {
  std::string header;                        // with the 8 bytes of its length
  std::string data;                          // what follows
  std::vector<std::vector<int64_t>> offsets; // in the file, by entry and capture
  int64_t bytes() const { return static_cast<int64_t>(header.size() + data.size()); }
};

struct Model {
  Options options;
  std::vector<EntryInfo> entries;
  std::vector<size_t> passed;                   // by entry: how many of its inputs are weights
  std::vector<std::vector<Extent>> constraints; // by entry: what must not be negative
  std::string hash;
  std::vector<std::string> failures; // text of code kFirstFailure + i
  WeightFile weights;
  bool needsMath = false; // libm

  bool threaded() const { return options.threads > 1; }
  bool hasDims() const {
    for (const EntryInfo& entry : entries)
      if (!entry.dims.empty())
        return true;
    return false;
  }
  bool weightsInFile() const { return options.weights == Weights::file; }
  int codeOf(const std::string& failure);
};

/// The version of Diptych and of the interface that headers and symbols describe.
const char* version();
constexpr int kInterface = 1;

/// "0 <= batch"; "f64[batch,4]".
std::string boundsText(const Dim& dim);
std::string typeText(const TensorInfo& info, std::span<const Dim> dims);
/// Whether a shape has a size that is chosen at the call.
bool isOpen(const TensorInfo& info);

/// Text of an error code, as NAME_error_message gives it.
std::string messageOf(const Model& model, int code);
std::vector<int> codesOf(const Model& model);

std::string headerText(const Model& model);
std::string aboutText(const Model& model);

} // namespace diptych::aot
