// Capsules to other libraries and from them, as a C program that knows dlpack.h would see them.
#include "tests/cuda/Device.h"

using namespace diptych;

namespace {

// dlpack.h, version 0.8.
struct DLDevice {
  int32_t device_type, device_id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct Capsule {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(Capsule* self);
};

Capsule* exported(const Tensor& x) { return reinterpret_cast<Capsule*>(to_dlpack(x)); }
DLManagedTensor* handle(Capsule* capsule) { return reinterpret_cast<DLManagedTensor*>(capsule); }
Tensor imported(Capsule* capsule) { return from_dlpack(handle(capsule)); }

class DLPack : public test::OnDevice {};

TEST_F(DLPack, GoesRoundOnBothSidesWithoutACopy) {
  for (const char* where : {"cpu", "cuda"}) {
    const Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}).to(where);
    const Tensor back = imported(exported(transpose(x)));
    EXPECT_EQ(back.device(), where);
    EXPECT_EQ(back.to_vector<double>(), (std::vector<double>{1, 4, 2, 5, 3, 6}));
    EXPECT_EQ((back + 1).device(), where);
  }
}

TEST_F(DLPack, SaysWhatItIs) {
  Capsule* capsule = exported(tensor({1.0f, 2.0f, 3.0f}).to("cuda"));
  EXPECT_EQ(capsule->dl_tensor.device.device_type, 2); // kDLCUDA
  EXPECT_EQ(capsule->dl_tensor.ndim, 1);
  EXPECT_EQ(capsule->dl_tensor.shape[0], 3);
  EXPECT_EQ(capsule->dl_tensor.dtype.code, 2); // kDLFloat
  EXPECT_EQ(capsule->dl_tensor.dtype.bits, 32);
  capsule->deleter(capsule);
}

TEST_F(DLPack, LivesAsLongAsItIsUsed) {
  const int64_t before = device_stats().current_bytes;
  {
    Tensor back;
    {
      const Tensor x = tensor({1.0, 2.0}).to("cuda");
      back = imported(exported(x));
    }
    EXPECT_EQ(back.to_vector<double>(), (std::vector<double>{1, 2}));
    EXPECT_EQ(device_stats().current_bytes, before + 16);
  }
  EXPECT_EQ(device_stats().current_bytes, before);
}

TEST_F(DLPack, RefusesWhatWeDoNotHave) {
  Capsule* capsule = exported(tensor({1.0, 2.0}));
  capsule->dl_tensor.dtype = {10, 8, 1}; // a float of 8 bits
  EXPECT_ERROR_HERE(from_dlpack(handle(capsule)), "from_dlpack: expected elements of f32",
                    "8 bits");
  capsule->dl_tensor.dtype = {2, 64, 1};
  capsule->dl_tensor.device.device_type = 10; // ROCm
  EXPECT_ERROR_HERE(from_dlpack(handle(capsule)), "from_dlpack:", "device type 10");
  capsule->deleter(capsule);
  EXPECT_ERROR_HERE(from_dlpack(nullptr), "from_dlpack: expected a capsule, got null");
}

} // namespace
