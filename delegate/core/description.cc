#include "delegate/core/description.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tf_pconv {
namespace {

Status CheckPatterns(const PatternWeights& weights) {
  const std::vector<uint16_t>& patterns = weights.patterns;
  if (weights.kernel_side == 1) {
    if (patterns.size() == 1 && patterns[0] == kPointwisePattern) {
      return Status();
    }
    return Status::Error(
        "1x1 kernels have one pattern, of mask 1; given are %zu",
        patterns.size());
  }
  if (patterns.empty() || patterns.size() > kMaxPatterns) {
    return Status::Error("%zu patterns; 1 to %d are accepted", patterns.size(),
                         kMaxPatterns);
  }
  for (uint16_t mask : patterns) {
    if (!IsPattern(mask)) {
      return Status::Error(
          "pattern mask 0x%x; exactly 4 of the bits 0 to 8 must be set", mask);
    }
  }
  return Status();
}

Status CheckFilterOrder(const PatternWeights& weights) {
  if (weights.filter_order.size() != static_cast<size_t>(weights.filters)) {
    return Status::Error("filter order has %zu entries for %d filters",
                         weights.filter_order.size(), weights.filters);
  }
  std::vector<bool> seen(weights.filters);
  for (int32_t filter : weights.filter_order) {
    if (filter < 0 || filter >= weights.filters || seen[filter]) {
      return Status::Error(
          "filter order is not a permutation: %d is out of range or twice in "
          "it",
          static_cast<int>(filter));
    }
    seen[filter] = true;
  }
  return Status();
}

// Group boundaries, kernels, and the number of values they imply.
Status CheckGroups(const PatternWeights& weights) {
  const std::vector<uint32_t>& begin = weights.group_begin;
  const int groups = weights.groups();
  if (begin.size() != static_cast<size_t>(groups) + 1) {
    return Status::Error("%zu group boundaries for %d filter groups; %d needed",
                         begin.size(), groups, groups + 1);
  }
  if (begin.front() != 0 || begin.back() != weights.kernels.size()) {
    return Status::Error(
        "group boundaries go from %u to %u; the layer has %zu "
        "group kernels",
        begin.front(), begin.back(), weights.kernels.size());
  }
  size_t values = 0;
  for (int group = 0; group < groups; ++group) {
    if (begin[group] > begin[group + 1]) {
      return Status::Error("group %d ends before it begins", group);
    }
    values += size_t{begin[group + 1] - begin[group]} * weights.entries() *
              weights.FiltersOfGroup(group);
  }
  for (const GroupKernel& kernel : weights.kernels) {
    if (kernel.channel >= weights.channels ||
        kernel.pattern >= weights.patterns.size()) {
      return Status::Error(
          "group kernel of channel %u and pattern %u; the layer has %d "
          "channels and %zu patterns",
          kernel.channel, kernel.pattern, weights.channels,
          weights.patterns.size());
    }
  }
  if (weights.values() != values) {
    return Status::Error("%zu weight values; the group kernels need %zu",
                         weights.values(), values);
  }
  return Status();
}

Status CheckPatternWeights(const PatternWeights& weights) {
  if (weights.kernel_side != 1 && weights.kernel_side != 3) {
    return Status::Error("%dx%d kernels; 1x1 and 3x3 are accepted",
                         weights.kernel_side, weights.kernel_side);
  }
  if (weights.filters < 1 || weights.filters > kMaxChannels ||
      weights.channels < 1 || weights.channels > kMaxChannels) {
    return Status::Error("%d filters of %d channels; 1 to %d are accepted",
                         weights.filters, weights.channels, kMaxChannels);
  }
  if (weights.group_size < 1 || weights.group_size > kMaxGroupSize) {
    return Status::Error("group size %d; 1 to %d are accepted",
                         weights.group_size, kMaxGroupSize);
  }
  Status status = CheckPatterns(weights);
  if (status.ok()) status = CheckFilterOrder(weights);
  if (status.ok()) status = CheckGroups(weights);
  return status;
}

Status CheckDepthwise(const DepthwiseWeights& weights) {
  if (!IsDepthwiseSide(weights.kernel_side)) {
    return Status::Error("depthwise %dx%d kernels; 3x3 and 5x5 are accepted",
                         weights.kernel_side, weights.kernel_side);
  }
  if (weights.channels < 1 || weights.channels > kMaxChannels) {
    return Status::Error("%d channels; 1 to %d are accepted", weights.channels,
                         kMaxChannels);
  }
  if (weights.values() != size_t(weights.taps()) * weights.channels) {
    return Status::Error("%zu weight values for %d channels; each has %d",
                         weights.values(), weights.channels, weights.taps());
  }
  return Status();
}

Status CheckStem(const StemWeights& weights) {
  if (!IsStemSide(weights.kernel_height) || !IsStemSide(weights.kernel_width)) {
    return Status::Error("%dx%d kernels; 1x1 to %dx%d are accepted",
                         weights.kernel_height, weights.kernel_width,
                         kStemMostSide, kStemMostSide);
  }
  if (weights.filters < 1 || weights.filters > kMaxChannels ||
      weights.channels < 1 || weights.channels > kStemMostChannels) {
    return Status::Error(
        "%d filters of %d channels; 1 to %d of at most %d are accepted",
        weights.filters, weights.channels, kMaxChannels, kStemMostChannels);
  }
  if (weights.values() != weights.filters * weights.FilterValues()) {
    return Status::Error("%zu weight values for %d filters; each has %zu",
                         weights.values(), weights.filters,
                         weights.FilterValues());
  }
  return Status();
}

Status CheckWeights(const ConvDescription& description) {
  const DataType type = description.type();
  if (type != DataType::kFloat32 && type != DataType::kInt8) {
    return Status::Error("weight type %d; float32 and int8 are accepted",
                         static_cast<int>(type));
  }
  if (description.depthwise != nullptr) {
    return CheckDepthwise(*description.depthwise);
  }
  return description.stem != nullptr
             ? CheckStem(*description.stem)
             : CheckPatternWeights(*description.weights);
}

// Stems have kernels for every stride, windows far apart included.
Status CheckStrides(const ConvDescription& description) {
  const int height = description.stride_height;
  const int width = description.stride_width;
  const int most = description.stem != nullptr ? kStemMostSide : 2;
  if (height >= 1 && height <= most && width >= 1 && width <= most) {
    return Status();
  }
  return Status::Error("stride %dx%d; 1 to %d are accepted", height, width,
                       most);
}

bool ValidScale(float scale) { return std::isfinite(scale) && scale > 0.0f; }

Status CheckInt8(const ConvDescription& description) {
  const std::vector<float>& scales = description.scales();
  const int filters = description.filters();
  if (description.float_bias != nullptr) {
    return Status::Error("an int8 convolution takes an int32 bias, not float");
  }
  if (scales.size() != static_cast<size_t>(filters)) {
    return Status::Error("%zu weight scales for %d filters", scales.size(),
                         filters);
  }
  Status status = CheckQuantization("input", description.input);
  if (status.ok()) status = CheckQuantization("output", description.output);
  if (!status.ok()) return status;
  for (int filter = 0; filter < filters; ++filter) {
    const float scale = scales[filter];
    if (!ValidScale(scale) || !std::isfinite(description.input.scale * scale /
                                             description.output.scale)) {
      return Status::Error(
          "weight scale of filter %d is %g; it must be positive, and input "
          "scale * weight scale / output scale finite",
          filter, static_cast<double>(scale));
    }
  }
  return Status();
}

}  // namespace

Status CheckDescription(const ConvDescription& description) {
  const int kinds = (description.weights != nullptr) +
                    (description.depthwise != nullptr) +
                    (description.stem != nullptr);
  if (kinds != 1) {
    return Status::Error(
        "the convolution has %s",
        kinds == 0 ? "no weights" : "weights of several kinds");
  }
  Status status = CheckStrides(description);
  if (!status.ok()) return status;
  if (description.padding != Padding::kSame &&
      description.padding != Padding::kValid) {
    return Status::Error("padding %d; SAME and VALID are accepted",
                         static_cast<int>(description.padding));
  }
  if (description.activation > Activation::kRelu6) {
    return Status::Error(
        "activation %d; NONE, RELU, RELU_N1_TO_1 and RELU6 are accepted",
        static_cast<int>(description.activation));
  }
  status = CheckWeights(description);
  if (!status.ok()) return status;
  if (description.type() == DataType::kInt8) {
    return CheckInt8(description);
  }
  if (description.int32_bias != nullptr) {
    return Status::Error("a float32 convolution takes a float bias, not int32");
  }
  return status;
}

}  // namespace tf_pconv
