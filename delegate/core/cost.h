#ifndef TF_PCONV_DELEGATE_CORE_COST_H_
#define TF_PCONV_DELEGATE_CORE_COST_H_

#include <limits>

namespace tf_pconv {

// Nanoseconds that a convolution is expected to take on one core. Their ratio
// holds on other processors of the same instruction set; they do not.
struct ConvCost {
  double dense;  // a good dense convolution of the same type
  double ours;   // layout changes included
  // What a node of the delegate costs more than one of the runtime, because the
  // graph is cut before and behind it; not between nodes of the delegate.
  double cut = 0.0;

  // Of the convolution alone.
  double speedup() const { return dense / (ours + cut); }
};

// Where no kernel can run: the reference is slower than any dense convolution.
inline constexpr ConvCost kReferenceCost = {
    1.0, std::numeric_limits<double>::infinity()};

// What several threads spend on waking up, theirs and then the runtime's, and
// on waiting for processors that the others still hold, where a part of the
// graph runs in the delegate; in the time of one thread.
double WakingNanoseconds(int threads);

// The least of that: threads do not always take as long.
double LeastWakingNanoseconds(int threads);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_COST_H_
