// The fixed text of a C file for GPUs and of its header; NAME stands for the artefact's name.
#pragma once

namespace diptych::aot {

extern const char* const kCudaSupport;
/// Behind the tables and that: what walks a plan.
extern const char* const kCudaWalk;
extern const char* const kCudaDeclarations;

} // namespace diptych::aot
