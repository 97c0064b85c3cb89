// Tensors from words on the command line. Knows no IR.
#pragma once

#include <diptych/diptych.h>

#include <stdexcept>

namespace diptych::cli {

struct InputRequest {
  std::vector<std::string> given; ///< "0=1,2,3", "1=ones"
  std::string fill = "random";    ///< of those not given
  std::uint64_t seed = 0;
};

/// The command line's fault.
class InputError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

Values makeInputs(const std::vector<TensorType>& types, const InputRequest& request);

} // namespace diptych::cli
