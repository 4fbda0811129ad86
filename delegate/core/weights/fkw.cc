#include "delegate/core/weights/fkw.h"

#include <cmath>
#include <cstring>
#include <utility>

namespace tf_pconv {
namespace {

// Reads little-endian values; never beyond the end.
class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : next_(data), left_(size) {}

  // Whether `count` values of `bytes` each are left.
  bool Has(uint64_t count, uint64_t bytes) const {
    return count <= left_ / bytes;
  }
  size_t left() const { return left_; }

  // The caller has checked with Has().
  uint32_t ReadUint(int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      value |= static_cast<uint32_t>(next_[i]) << (8 * i);
    }
    Skip(bytes);
    return value;
  }

  float ReadFloat() {
    const uint32_t bits = ReadUint(4);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
  }

  const uint8_t* ReadBytes(size_t count) {
    const uint8_t* bytes = next_;
    Skip(count);
    return bytes;
  }

 private:
  void Skip(size_t bytes) {
    next_ += bytes;
    left_ -= bytes;
  }

  const uint8_t* next_;
  size_t left_;
};

struct Header {
  uint32_t patterns = 0;
  uint32_t kernels = 0;
};

int IndexBytes(uint32_t count) { return count <= 256 ? 1 : 2; }

Status Truncated(const char* section) {
  return Status::Error("FKW data end within the section '%s'", section);
}

Status CheckRange(const char* field, uint32_t value, uint32_t max) {
  if (value >= 1 && value <= max) return Status();
  return Status::Error("FKW field '%s' is %u, expected 1 to %u", field, value,
                       max);
}

Status CheckValue(const char* field, uint32_t value, uint32_t expected) {
  if (value == expected) return Status();
  return Status::Error("FKW field '%s' is %u, expected %u", field, value,
                       expected);
}

#define RETURN_IF_ERROR(expression)                              \
  do {                                                           \
    Status status_of_expression = expression;                    \
    if (!status_of_expression.ok()) return status_of_expression; \
  } while (false)

Status ReadHeader(Reader* reader, PatternWeights* weights, Header* header) {
  if (!reader->Has(28, 1)) return Truncated("header");
  if (memcmp(reader->ReadBytes(4), "FKW1", 4) != 0) {
    return Status::Error("not FKW data: they do not start with 'FKW1'");
  }
  RETURN_IF_ERROR(CheckValue("version", reader->ReadUint(2), 1));
  const uint32_t value_type = reader->ReadUint(1);
  if (value_type > 1) {
    return Status::Error(
        "FKW field 'value_type' is %u, expected 0 (float32) or 1 (int8)",
        value_type);
  }
  weights->type = value_type == 0 ? DataType::kFloat32 : DataType::kInt8;
  const uint32_t entries = reader->ReadUint(1);
  const uint32_t filters = reader->ReadUint(4);
  RETURN_IF_ERROR(CheckRange("filters", filters, kMaxChannels));
  weights->filters = static_cast<int>(filters);
  const uint32_t channels = reader->ReadUint(4);
  RETURN_IF_ERROR(CheckRange("channels", channels, kMaxChannels));
  weights->channels = static_cast<int>(channels);
  const uint32_t side = reader->ReadUint(1);
  if (side != 1 && side != 3) {
    return Status::Error("FKW field 'kernel_height' is %u, expected 1 or 3",
                         side);
  }
  weights->kernel_side = static_cast<int>(side);
  RETURN_IF_ERROR(CheckValue("kernel_width", reader->ReadUint(1), side));
  RETURN_IF_ERROR(CheckValue("entries", entries, weights->entries()));
  const uint32_t group_size = reader->ReadUint(2);
  RETURN_IF_ERROR(CheckRange("group_size", group_size, kMaxGroupSize));
  weights->group_size = static_cast<int>(group_size);
  header->patterns = reader->ReadUint(2);
  RETURN_IF_ERROR(
      CheckRange("patterns", header->patterns, side == 1 ? 1 : kMaxPatterns));
  RETURN_IF_ERROR(CheckValue("reserved", reader->ReadUint(2), 0));
  header->kernels = reader->ReadUint(4);
  return Status();
}

Status ReadPatterns(Reader* reader, uint32_t count, PatternWeights* weights) {
  if (!reader->Has(count, 2)) return Truncated("pattern");
  if (weights->kernel_side == 1) {
    const uint32_t pattern = reader->ReadUint(2);
    weights->patterns = {kPointwisePattern};
    return CheckValue("pattern", pattern, kPointwisePattern);
  }
  bool seen[1 << kKernelTaps] = {};
  weights->patterns.resize(count);
  for (uint16_t& pattern : weights->patterns) {
    pattern = static_cast<uint16_t>(reader->ReadUint(2));
    if (!IsPattern(pattern)) {
      return Status::Error(
          "FKW pattern 0x%x does not have exactly four of the bits 0 to 8 set",
          pattern);
    }
    if (seen[pattern]) {
      return Status::Error("FKW pattern 0x%x occurs twice", pattern);
    }
    seen[pattern] = true;
  }
  return Status();
}

Status ReadFilterOrder(Reader* reader, PatternWeights* weights) {
  const int bytes = IndexBytes(weights->filters);
  if (!reader->Has(weights->filters, bytes)) return Truncated("reorder");
  std::vector<bool> seen(weights->filters);
  weights->filter_order.resize(weights->filters);
  for (int32_t& filter : weights->filter_order) {
    filter = static_cast<int32_t>(reader->ReadUint(bytes));
    if (filter >= weights->filters || seen[filter]) {
      return Status::Error(
          "FKW section 'reorder' is not a permutation of %d filters: filter "
          "%d is %s",
          weights->filters, filter,
          filter >= weights->filters ? "out of range" : "named twice");
    }
    seen[filter] = true;
  }
  return Status();
}

Status ReadGroupBegins(Reader* reader, uint32_t kernels,
                       PatternWeights* weights) {
  const size_t count = static_cast<size_t>(weights->groups()) + 1;
  if (!reader->Has(count, 4)) return Truncated("offset");
  weights->group_begin.resize(count);
  uint32_t previous = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t begin = reader->ReadUint(4);
    if (begin < previous || (i == 0 && begin != 0)) {
      return Status::Error(
          "FKW section 'offset' must start at 0 and never fall: entry %zu is "
          "%u after %u",
          i, begin, previous);
    }
    weights->group_begin[i] = previous = begin;
  }
  if (previous != kernels) {
    return Status::Error(
        "FKW section 'offset' ends at %u, expected %u, the number of kernels",
        previous, kernels);
  }
  return Status();
}

// Fills the patterns of the kernels.
Status ReadStrides(Reader* reader, PatternWeights* weights) {
  const size_t patterns = weights->patterns.size();
  const size_t groups = weights->group_begin.size() - 1;
  if (!reader->Has(groups * (patterns + 1), 2)) return Truncated("stride");
  for (size_t g = 0; g < groups; ++g) {
    const uint32_t begin = weights->group_begin[g];
    const uint32_t kernels = weights->group_begin[g + 1] - begin;
    uint32_t previous = 0;
    for (size_t p = 0; p <= patterns; ++p) {
      const uint32_t next = reader->ReadUint(2);
      if (next < previous || next > kernels || (p == 0 && next != 0)) {
        return Status::Error(
            "FKW section 'stride' of group %zu must start at 0, never fall "
            "and end at %u: entry %zu is %u after %u",
            g, kernels, p, next, previous);
      }
      for (uint32_t i = previous; i < next; ++i) {
        weights->kernels[begin + i].pattern = static_cast<uint16_t>(p - 1);
      }
      previous = next;
    }
    if (previous != kernels) {
      return Status::Error(
          "FKW section 'stride' of group %zu ends at %u, expected %u", g,
          previous, kernels);
    }
  }
  return Status();
}

// Fills the channels of the kernels.
Status ReadChannels(Reader* reader, PatternWeights* weights) {
  const int bytes = IndexBytes(weights->channels);
  std::vector<int> last_group(weights->channels, -1);
  for (int g = 0; g < weights->groups(); ++g) {
    for (uint32_t k = weights->group_begin[g]; k < weights->group_begin[g + 1];
         ++k) {
      const int channel = static_cast<int>(reader->ReadUint(bytes));
      if (channel >= weights->channels) {
        return Status::Error("FKW kernel %u of group %d reads channel %d of %d",
                             k - weights->group_begin[g], g, channel,
                             weights->channels);
      }
      if (last_group[channel] == g) {
        return Status::Error("FKW group %d reads channel %d twice", g, channel);
      }
      last_group[channel] = g;
      weights->kernels[k].channel = static_cast<uint16_t>(channel);
    }
  }
  return Status();
}

Status ReadValues(Reader* reader, PatternWeights* weights) {
  uint64_t count = 0;
  for (int g = 0; g < weights->groups(); ++g) {
    const uint64_t kernels =
        weights->group_begin[g + 1] - weights->group_begin[g];
    count += weights->entries() * kernels * weights->FiltersOfGroup(g);
  }
  if (weights->type == DataType::kInt8) {
    if (!reader->Has(count, 1)) return Truncated("weight");
    weights->int8_values.resize(count);
    const uint8_t* bytes = reader->ReadBytes(count);
    if (count > 0) memcpy(weights->int8_values.data(), bytes, count);
  } else {
    if (!reader->Has(count, 4)) return Truncated("weight");
    weights->float_values.resize(count);
    for (float& value : weights->float_values) value = reader->ReadFloat();
  }
  return Status();
}

Status ReadScales(Reader* reader, PatternWeights* weights) {
  if (weights->type != DataType::kInt8) return Status();
  if (!reader->Has(weights->filters, 4)) return Truncated("scale");
  weights->scales.resize(weights->filters);
  for (float& scale : weights->scales) {
    scale = reader->ReadFloat();
    if (!std::isfinite(scale) || scale <= 0.0f) {
      return Status::Error(
          "FKW scale of output channel %d is %g, expected a finite number "
          "above 0",
          static_cast<int>(&scale - weights->scales.data()), scale);
    }
  }
  return Status();
}

Status ReadAll(Reader* reader, PatternWeights* weights) {
  Header header;
  RETURN_IF_ERROR(ReadHeader(reader, weights, &header));
  RETURN_IF_ERROR(ReadPatterns(reader, header.patterns, weights));
  RETURN_IF_ERROR(ReadFilterOrder(reader, weights));
  RETURN_IF_ERROR(ReadGroupBegins(reader, header.kernels, weights));
  // Memory is taken only for what the data can hold.
  const uint64_t kernels = header.kernels;
  if (!reader->Has(kernels, IndexBytes(weights->channels))) {
    return Truncated("index");
  }
  weights->kernels.resize(kernels);
  RETURN_IF_ERROR(ReadStrides(reader, weights));
  if (!reader->Has(kernels, IndexBytes(weights->channels))) {
    return Truncated("index");
  }
  RETURN_IF_ERROR(ReadChannels(reader, weights));
  RETURN_IF_ERROR(ReadValues(reader, weights));
  RETURN_IF_ERROR(ReadScales(reader, weights));
  if (reader->left() != 0) {
    return Status::Error("%zu bytes follow the FKW data", reader->left());
  }
  return Status();
}

}  // namespace

Status ReadFkw(const uint8_t* data, size_t size, PatternWeights* weights) {
  if (data == nullptr) return Status::Error("no FKW data");
  Reader reader(data, size);
  PatternWeights read;
  RETURN_IF_ERROR(ReadAll(&reader, &read));
  *weights = std::move(read);
  return Status();
}

}  // namespace tf_pconv
