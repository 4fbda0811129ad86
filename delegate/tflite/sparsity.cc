#include "delegate/tflite/sparsity.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

namespace tf_pconv {
namespace {

constexpr int kMaxLevels = 8;
// More weights than any convolution has; keeps a small malformed file from
// asking for all memory.
constexpr size_t kMaxElements = size_t{1} << 28;

size_t ElementBytes(TfLiteType type) {
  switch (type) {
    case kTfLiteFloat32:
      return 4;
    case kTfLiteInt8:
      return 1;
    default:
      return 0;
  }
}

// Walks the tree of a sparse tensor. A level is a dimension of the tensor,
// split into blocks, or a dimension inside a block; levels are nested in
// traversal order. A level is dense, or lists the indices of its children.
class Decoder {
 public:
  Decoder(const TfLiteTensor& tensor, std::vector<uint8_t>* dense)
      : tensor_(tensor), sparsity_(*tensor.sparsity), dense_(dense) {}

  Status Decode() {
    Status status = ReadShape();
    if (status.ok()) status = ReadLevels();
    if (!status.ok()) return status;
    dense_->assign(elements_ * element_bytes_, 0);
    if (!Walk(0, 0, 0)) return status_;
    if (used_values_ * element_bytes_ != tensor_.bytes) {
      return Status::Error("%zu of %zu sparse values are used", used_values_,
                           tensor_.bytes / element_bytes_);
    }
    return Status();
  }

 private:
  struct Level {
    const TfLiteDimensionMetadata* metadata;
    int size;       // children that a dense level has
    size_t stride;  // elements from one child to the next in the dense tensor
  };

  Status ReadShape() {
    element_bytes_ = ElementBytes(tensor_.type);
    if (element_bytes_ == 0) {
      return Status::Error(
          "sparse weights have type %d; float32 and int8 are "
          "accepted",
          static_cast<int>(tensor_.type));
    }
    if (tensor_.data == nullptr || tensor_.dims == nullptr ||
        tensor_.dims->size < 1 || tensor_.dims->size > kMaxLevels) {
      return Status::Error("sparse weights have no data or no shape");
    }
    for (int d = tensor_.dims->size - 1; d >= 0; --d) {
      const int size = tensor_.dims->data[d];
      strides_[d] = elements_;
      if (size < 1 || elements_ > kMaxElements / size) {
        return Status::Error("sparse weights have %d elements in dimension %d",
                             size, d);
      }
      elements_ *= size;
    }
    return Status();
  }

  Status ReadLevels() {
    const int dims = tensor_.dims->size;
    const TfLiteIntArray* order = sparsity_.traversal_order;
    const TfLiteIntArray* block_map = sparsity_.block_map;
    const int blocks = block_map == nullptr ? 0 : block_map->size;
    levels_ = sparsity_.dim_metadata_size;
    if (order == nullptr || sparsity_.dim_metadata == nullptr || blocks < 0 ||
        levels_ != order->size || levels_ != dims + blocks ||
        levels_ > kMaxLevels) {
      return Status::Error(
          "sparse weights of %d dimensions and %d block dimensions have %d "
          "levels",
          dims, blocks, levels_);
    }
    // Size of a block in each dimension of the tensor.
    std::array<int, kMaxLevels> block_size;
    block_size.fill(1);
    std::array<bool, kMaxLevels> seen{};
    for (int i = 0; i < levels_; ++i) {
      const int level = order->data[i];
      if (level < 0 || level >= levels_ || seen[level]) {
        return Status::Error(
            "the traversal order of sparse weights is no "
            "permutation");
      }
      seen[level] = true;
      if (level < dims) continue;
      const TfLiteDimensionMetadata& metadata = sparsity_.dim_metadata[i];
      const int dim = block_map->data[level - dims];
      if (dim < 0 || dim >= dims || block_size[dim] != 1 ||
          metadata.format != kTfLiteDimDense || metadata.dense_size < 1 ||
          tensor_.dims->data[dim] % metadata.dense_size != 0) {
        return Status::Error("blocks of sparse weights do not fit its shape");
      }
      block_size[dim] = metadata.dense_size;
    }
    for (int i = 0; i < levels_; ++i) {
      const int level = order->data[i];
      const TfLiteDimensionMetadata& metadata = sparsity_.dim_metadata[i];
      const bool is_block = level >= dims;
      const int dim = is_block ? block_map->data[level - dims] : level;
      level_[i].metadata = &metadata;
      level_[i].size = is_block ? block_size[dim]
                                : tensor_.dims->data[dim] / block_size[dim];
      level_[i].stride =
          is_block ? strides_[dim] : strides_[dim] * block_size[dim];
      const Status status = CheckLevel(i);
      if (!status.ok()) return status;
    }
    return Status();
  }

  Status CheckLevel(int i) const {
    const Level& level = level_[i];
    const TfLiteDimensionMetadata& metadata = *level.metadata;
    if (metadata.format == kTfLiteDimDense) {
      if (metadata.dense_size == level.size) return Status();
      return Status::Error(
          "level %d of sparse weights has %d elements, "
          "expected %d",
          i, metadata.dense_size, level.size);
    }
    if (metadata.format == kTfLiteDimSparseCSR &&
        metadata.array_segments != nullptr &&
        metadata.array_indices != nullptr) {
      return Status();
    }
    return Status::Error("level %d of sparse weights has unknown format %d", i,
                         static_cast<int>(metadata.format));
  }

  // Visits the children of the `position`-th node of level `i`; `offset` is
  // the element of the dense tensor at which that node begins. False, with
  // `status_` set, where the encoding is malformed.
  bool Walk(int i, size_t position, size_t offset) {
    if (i == levels_) return Store(position, offset);
    const Level& level = level_[i];
    const TfLiteDimensionMetadata& metadata = *level.metadata;
    if (metadata.format == kTfLiteDimDense) {
      for (int child = 0; child < level.size; ++child) {
        if (!Walk(i + 1, position * level.size + child,
                  offset + child * level.stride)) {
          return false;
        }
      }
      return true;
    }
    const TfLiteIntArray& segments = *metadata.array_segments;
    const TfLiteIntArray& indices = *metadata.array_indices;
    if (segments.size < 0 ||
        position + 1 >= static_cast<size_t>(segments.size)) {
      status_ = Status::Error(
          "level %d of sparse weights has %d segments, too "
          "few",
          i, segments.size);
      return false;
    }
    const int begin = segments.data[position];
    const int end = segments.data[position + 1];
    if (begin < 0 || begin > end || end > indices.size) {
      status_ = Status::Error(
          "level %d of sparse weights has a segment from %d "
          "to %d of %d indices",
          i, begin, end, indices.size);
      return false;
    }
    for (int k = begin; k < end; ++k) {
      const int child = indices.data[k];
      if (child < 0 || child >= level.size) {
        status_ = Status::Error("level %d of sparse weights has index %d of %d",
                                i, child, level.size);
        return false;
      }
      if (!Walk(i + 1, k, offset + child * level.stride)) return false;
    }
    return true;
  }

  bool Store(size_t position, size_t offset) {
    if (position >= tensor_.bytes / element_bytes_) {
      status_ = Status::Error("sparse weights have %zu values, too few",
                              tensor_.bytes / element_bytes_);
      return false;
    }
    memcpy(
        dense_->data() + offset * element_bytes_,
        static_cast<const uint8_t*>(tensor_.data) + position * element_bytes_,
        element_bytes_);
    ++used_values_;
    return true;
  }

  const TfLiteTensor& tensor_;
  const TfLiteSparsity& sparsity_;
  std::vector<uint8_t>* const dense_;
  size_t element_bytes_ = 0;
  size_t elements_ = 1;
  std::array<size_t, kMaxLevels> strides_{};
  int levels_ = 0;
  std::array<Level, kMaxLevels> level_{};
  size_t used_values_ = 0;
  Status status_;
};

}  // namespace

Status Densify(const TfLiteTensor& tensor, std::vector<uint8_t>* dense) {
  if (tensor.sparsity == nullptr) {
    return Status::Error("the input of DENSIFY is not sparse");
  }
  std::vector<uint8_t> decoded;
  const Status status = Decoder(tensor, &decoded).Decode();
  if (status.ok()) *dense = std::move(decoded);
  return status;
}

}  // namespace tf_pconv
