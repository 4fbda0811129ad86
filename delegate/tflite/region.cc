#include "delegate/tflite/region.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "delegate/tflite/conv_node.h"

namespace tf_pconv {
namespace {

bool Contains(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Gives a tensor of the runtime the shape that a convolution makes.
Status ResizeTensor(TfLiteContext* context, int index,
                    std::initializer_list<int> dims) {
  TfLiteTensor* tensor = &context->tensors[index];
  if (tensor->dims != nullptr &&
      std::equal(tensor->dims->data, tensor->dims->data + tensor->dims->size,
                 dims.begin(), dims.end())) {
    return Status();
  }
  auto* array = static_cast<TfLiteIntArray*>(
      malloc(sizeof(TfLiteIntArray) + dims.size() * sizeof(int)));
  if (array == nullptr) return Status::Error("out of memory");
  array->size = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), array->data);
  if (context->ResizeTensor(context, tensor, array) != kTfLiteOk) {
    return Status::Error("the runtime cannot resize tensor %d", index);
  }
  return Status();
}

Status BytesOf(const ActivationShape& shape, DataType type, size_t* bytes) {
  *bytes = type == DataType::kInt8 ? 1 : sizeof(float);
  for (int size : {shape.batch, shape.height, shape.width, shape.channels}) {
    if (__builtin_mul_overflow(*bytes, static_cast<size_t>(size), bytes)) {
      return Status::Error("a tensor of %dx%dx%dx%d is too large", shape.batch,
                           shape.height, shape.width, shape.channels);
    }
  }
  return Status();
}

}  // namespace

Region::Region(const TfLiteDelegateParams& params, Selection* selection,
               ThreadPool* pool)
    : pool_(pool) {
  const TfLiteIntArray* nodes = params.nodes_to_replace;
  for (int i = 0; i < nodes->size; ++i) {
    for (SelectedConv& selected : selection->convs) {
      if (selected.node != nodes->data[i] || selected.conv == nullptr) continue;
      steps_.emplace_back();
      steps_.back().conv = std::move(selected);
    }
  }
  const TfLiteIntArray* outputs = params.output_tensors;
  for (int i = 0; i < outputs->size; ++i) {
    const int output = outputs->data[i];
    const bool is_conv_output = std::any_of(
        steps_.begin(), steps_.end(),
        [output](const Step& step) { return step.conv.output == output; });
    (is_conv_output ? runtime_outputs_ : unread_outputs_).push_back(output);
  }
  ConnectSteps();
}

void Region::ConnectSteps() {
  for (int i = 0; i < static_cast<int>(steps_.size()); ++i) {
    Step& step = steps_[i];
    if (Contains(runtime_outputs_, step.conv.output)) continue;
    step.output_buffer = static_cast<int>(buffers_.size());
    BufferUse use;
    use.first_step = use.last_step = i;
    for (int j = i + 1; j < static_cast<int>(steps_.size()); ++j) {
      if (steps_[j].conv.input != step.conv.output) continue;
      steps_[j].input_buffer = step.output_buffer;
      use.last_step = j;
    }
    buffers_.push_back(use);
  }
}

Status Region::Prepare(TfLiteContext* context) {
  // Densified weights that nobody reads take no memory.
  for (int tensor : unread_outputs_) {
    const Status status = ResizeTensor(context, tensor, {0});
    if (!status.ok()) return status;
  }
  for (Step& step : steps_) {
    const Status status = PrepareStep(context, &step);
    if (!status.ok()) {
      return Status::Error("convolution of node %d: %s", step.conv.node,
                           status.message());
    }
  }
  return Allocate();
}

Status Region::InputShape(const TfLiteContext& context, const Step& step,
                          ActivationShape* shape) const {
  for (const Step& producer : steps_) {
    if (&producer == &step) break;
    if (producer.conv.output != step.conv.input) continue;
    *shape = producer.conv.conv->output_shape();
    return Status();
  }
  return ReadActivationShape(context.tensors[step.conv.input], shape);
}

Status Region::PrepareStep(TfLiteContext* context, Step* step) {
  ActivationShape input;
  Status status = InputShape(*context, *step, &input);
  if (status.ok()) status = step->conv.conv->Resize(input);
  if (!status.ok()) return status;
  const ActivationShape output = step->conv.conv->output_shape();
  if (step->output_buffer != kOfRuntime) {
    return BytesOf(output, step->conv.type,
                   &buffers_[step->output_buffer].bytes);
  }
  return ResizeTensor(
      context, step->conv.output,
      {output.batch, output.height, output.width, output.channels});
}

Status Region::Allocate() {
  workspace_offset_ = PlanMemory(&buffers_);
  size_t workspace = 0;
  for (const Step& step : steps_) {
    workspace =
        std::max(workspace, step.conv.conv->WorkspaceBytes(pool_->threads()));
  }
  const size_t bytes = workspace_offset_ + Align(workspace);
  memory_.reset();
  void* memory = nullptr;
  if (bytes > 0 && posix_memalign(&memory, kAlignment, bytes) != 0) {
    return Status::Error("out of memory: a region needs %zu bytes", bytes);
  }
  memory_.reset(static_cast<uint8_t*>(memory));
  return Status();
}

Status Region::Invoke(TfLiteContext* context) {
  // Tensors move between runs, so their addresses are read each time.
  const auto address = [this, context](int buffer, int tensor) -> void* {
    if (buffer == kOfRuntime) return context->tensors[tensor].data;
    return memory_.get() + buffers_[buffer].offset;
  };
  for (const Step& step : steps_) {
    const void* input = address(step.input_buffer, step.conv.input);
    void* output = address(step.output_buffer, step.conv.output);
    if (input == nullptr || output == nullptr) {
      return Status::Error("a tensor of node %d has no memory", step.conv.node);
    }
    step.conv.conv->Run(input, output, memory_.get() + workspace_offset_,
                        pool_);
  }
  return Status();
}

}  // namespace tf_pconv
