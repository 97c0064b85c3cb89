// What the simulator runs is the same kernel: before it is lowered, threads, barriers, shuffles and
// shared memory are operations of nvvm.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-gpu | FileCheck %s

// CHECK-LABEL: func.func @columns_0
// CHECK-SAME: threads = 512
// CHECK: llvm.mlir.addressof @columns_0_shared
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: scf.for
// CHECK: nvvm.barrier0
func.func @columns(%x: tensor<300x100xf32>) -> tensor<100xf32> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<300x100xf32> -> tensor<100xf32>
  return %s : tensor<100xf32>
}
