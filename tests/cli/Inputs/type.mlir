func.func @main(%x: tensor<2xf64>) -> tensor<3xf64> {
  %y = diptych.neg %x : tensor<2xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}
