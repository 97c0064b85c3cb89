func.func @main(%x: tensor<2xf64>) -> tensor<2xf64> {
  %y = diptych.add %x : tensor<2xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}
