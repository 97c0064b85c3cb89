// A row's matrix and the products that lead to it and back: one kernel, whose blocks hold the matrix.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_80 output=%t.80" -o /dev/null && FileCheck %s --check-prefix=OLD < %t.80

// 592 KB to a row: three blocks, each with a third. The matrix is read by 16 bytes, once.
// CHECK-LABEL: .entry large_0(
// CHECK: .explicitcluster
// CHECK: .reqnctapercluster 3
// CHECK: ld.global.nc.v2.b64
// CHECK: barrier.cluster.arrive
// CHECK: barrier.cluster.wait
// CHECK-NOT: ld.global.nc.v2.b64
// The scores go to all blocks of the cluster.
// CHECK: fma.rn.f64
// CHECK: mapa.u64
// CHECK: barrier.cluster.wait
// Back: every block takes a share of the columns and reads the others' rows.
// CHECK: abs.f64
// CHECK: bar.sync
// CHECK: mapa.u64
// CHECK: fma.rn.f64
// CHECK: st.global.b64
// CHECK: barrier.cluster.wait
// CHECK: ret;
// CHECK-NOT: .entry large_1
// CHECK: // launch large_0 grid 240 block 256 cooperative shared {{[0-9]+}} cluster 3

// Without clusters no block holds it.
// OLD: .entry large_2(
// OLD: // launch large_0 grid 293 block 128
func.func @large(%x: tensor<80x468x158xf64>, %w: tensor<158x1xf64>) -> tensor<80x1x158xf64> {
  %rows = diptych.reshape %x {shape = array<i64: 37440, 158>} : tensor<80x468x158xf64> -> tensor<37440x158xf64>
  %s = diptych.matmul %rows, %w : tensor<37440x158xf64>, tensor<158x1xf64> -> tensor<37440x1xf64>
  %t = diptych.abs %s : tensor<37440x1xf64> -> tensor<37440x1xf64>
  %r = diptych.reshape %t {shape = array<i64: 80, 1, 468>} : tensor<37440x1xf64> -> tensor<80x1x468xf64>
  %g = diptych.matmul %r, %x : tensor<80x1x468xf64>, tensor<80x468x158xf64> -> tensor<80x1x158xf64>
  return %g : tensor<80x1x158xf64>
}
