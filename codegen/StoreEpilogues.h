// What is done to each element of a product or convolution and needs no other of them (a bias, an
// activation, the mask of its derivative) is done where these are stored: the array in between is
// not made, and often the result can take the place of what it is masked with. Never changes a bit.
#pragma once

#include "codegen/FusionLowering.h"

namespace diptych::codegen {

struct StoredTogether {
  ScheduledCall call;               // the product, which stores what its user did
  std::optional<LoweredNest> folds; // what the user folded, of what is stored now; not finished
};

/// `user` alone reads the array of so many bytes that `product` makes. None where elements of
/// the two do not correspond, where sums have several blocks, or where that would take long.
std::optional<StoredTogether> storeTogether(const ScheduledCall& product, const ScheduledCall& user,
                                            int64_t bytes, const ScheduleOptions& options);

/// The argument of a product of matrices or convolution that it stores to; -1: it is neither.
int resultArg(const ScheduledCall& call);

} // namespace diptych::codegen
