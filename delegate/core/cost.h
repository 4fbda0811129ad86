#ifndef TF_PCONV_DELEGATE_CORE_COST_H_
#define TF_PCONV_DELEGATE_CORE_COST_H_

namespace tf_pconv {

// Nanoseconds that a convolution is expected to take on one core. Their ratio
// holds on other processors of the same instruction set; they do not.
struct ConvCost {
  double dense;  // a good dense convolution of the same type
  double ours;   // layout changes included

  double speedup() const { return dense / ours; }
};

// Where no kernel can run, the reference is slower than any dense convolution.
inline constexpr ConvCost kReferenceCost = {1.0, 10.0};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_COST_H_
