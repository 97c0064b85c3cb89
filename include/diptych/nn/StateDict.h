// States in files: safetensors, and npz as NumPy writes and reads it. Only files: what fits a
// module is Module::load_state_dict's to say.
#pragma once

#include <diptych/nn/Module.h>

namespace diptych::nn {

/// Writes a state, Module::state_dict() say, by the path's ending: .safetensors or .npz. The file
/// is written beside and renamed when it is complete, so that a reader never sees half of it and a
/// failure leaves the old one. Error if that fails, naming the path.
void save(const std::string& path, const State& state,
          SourceLocation where = std::source_location::current());
/// Reads what save wrote, or safetensors and NumPy. Error, and nothing worse, for a file that is
/// missing, cut off, damaged, or holds element types other than f32, f64, i32, i64 and booleans.
State load(const std::string& path, SourceLocation where = std::source_location::current());

/// Strings beside the tensors; safetensors calls them __metadata__.
using Metadata = std::map<std::string, std::string>;

void save_safetensors(const std::string& path, const State& state, const Metadata& metadata = {},
                      SourceLocation where = std::source_location::current());
State load_safetensors(const std::string& path, Metadata* metadata = nullptr,
                       SourceLocation where = std::source_location::current());

/// Stored entries "name.npy"; below 4 GiB in all, beyond that Error: use safetensors. Loading reads
/// compressed entries too (numpy.savez_compressed), and checks every CRC.
void save_npz(const std::string& path, const State& state,
              SourceLocation where = std::source_location::current());
State load_npz(const std::string& path, SourceLocation where = std::source_location::current());

} // namespace diptych::nn
