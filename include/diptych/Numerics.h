// How far a compiled program's numbers may be from the eager ones.
#pragma once

#include <cstdint>

namespace diptych {

/// strict: eager, interpreted and compiled agree bit for bit. standard: sums may be reassociated
/// and algebra applied where errors stay of the same order. fast: approximate functions too.
enum class Numerics : uint8_t { strict, standard, fast };

} // namespace diptych
