// Tests of the CUDA runtime. Without DIPTYCH_CUDA in the environment they run on the simulated
// device; with DIPTYCH_CUDA=device on a GPU, and skip where there is none.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  const char* wanted = std::getenv("DIPTYCH_CUDA");
  if (wanted && std::string(wanted) == "device")
    ::unsetenv("DIPTYCH_CUDA");
  else
    ::setenv("DIPTYCH_CUDA", "simulate", 1);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
