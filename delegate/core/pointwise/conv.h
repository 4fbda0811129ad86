#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_CONV_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_CONV_H_

#include <memory>

#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// Up to so many pixels are fastest as that many matrix-vector products.
inline int FewPixels(DataType type) { return type == DataType::kInt8 ? 2 : 4; }

// A 1x1 convolution that chooses, whenever it is resized, between kernels of
// matrix-vector products and of tiles, and packs its weights for them. Of
// `tuning` only block_bytes is read. The description has been checked. Null
// where this processor has no kernels.
std::unique_ptr<PatternConv> CreateConvOfAnySize(
    const ConvDescription& description, const ConvTuning& tuning);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_CONV_H_
