#include "delegate/tflite/region.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "delegate/core/alignment.h"
#include "delegate/core/cpu.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

// Gives a tensor of the runtime the shape that an operator makes.
Status ResizeTensor(TfLiteContext* context, int index,
                    const std::vector<int>& dims) {
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

// The dimensions of a tensor of that rank: the first takes those that lack.
std::vector<int> Dims(const ActivationShape& shape, int rank) {
  std::vector<int> dims = {shape.batch, shape.height, shape.width,
                           shape.channels};
  while (static_cast<int>(dims.size()) > rank) {
    dims[1] *= dims[0];
    dims.erase(dims.begin());
  }
  return dims;
}

size_t RowBytes(const ActivationShape& shape, DataType type) {
  return ElementBytes(type) * shape.width * shape.channels;
}

}  // namespace

Region::Region(const TfLiteDelegateParams& params, Selection* selection,
               ThreadPool* pool, RegionProfile* profile)
    : pool_(pool), profile_(profile) {
  const TfLiteIntArray* nodes = params.nodes_to_replace;
  for (int i = 0; i < nodes->size; ++i) {
    for (SelectedNode& selected : selection->operators) {
      if (selected.node != nodes->data[i] || selected.op == nullptr) continue;
      nodes_.push_back(std::move(selected));
    }
  }
  steps_.resize(nodes_.size());
  ranks_.resize(nodes_.size());
  for (const SelectedNode& node : nodes_) {
    inputs_.resize(std::max(inputs_.size(), node.inputs.size()));
  }
  const TfLiteIntArray* outputs = params.output_tensors;
  for (int i = 0; i < outputs->size; ++i) {
    bool is_unread = true;
    for (size_t step = 0; step < steps_.size(); ++step) {
      if (nodes_[step].output != outputs->data[i]) continue;
      steps_[step].leaves_region = true;
      is_unread = false;
    }
    if (is_unread) unread_outputs_.push_back(outputs->data[i]);
  }
  ConnectSteps();
}

void Region::ConnectSteps() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].op = nodes_[i].op.get();
    steps_[i].weight_bytes = nodes_[i].weight_bytes;
    for (int input : nodes_[i].inputs) {
      int producer = Step::kOfRuntime;
      for (size_t j = 0; j < i; ++j) {
        if (nodes_[j].output == input) producer = static_cast<int>(j);
      }
      steps_[i].producers.push_back(producer);
    }
  }
}

Status Region::Prepare(TfLiteContext* context) {
  // Densified weights that nobody reads take no memory.
  for (int tensor : unread_outputs_) {
    const Status status = ResizeTensor(context, tensor, {0});
    if (!status.ok()) return status;
  }
  for (size_t step = 0; step < steps_.size(); ++step) {
    const Status status = PrepareStep(context, static_cast<int>(step));
    if (!status.ok()) {
      return Status::Error("%s of node %d: %s", nodes_[step].operator_name,
                           nodes_[step].node, status.message());
    }
  }
  const Status status = Allocate();
  if (profile_ != nullptr) ResetProfile(*context);
  return status;
}

// Also the rank of the first input.
Status Region::InputShapes(const TfLiteContext& context, int step,
                           std::vector<ActivationShape>* shapes,
                           int* rank) const {
  const SelectedNode& node = nodes_[step];
  shapes->resize(node.inputs.size());
  for (size_t i = node.inputs.size(); i-- > 0;) {
    const int producer = steps_[step].producers[i];
    if (producer != Step::kOfRuntime) {
      (*shapes)[i] = steps_[producer].op->output_shape();
      *rank = ranks_[producer];
      if (*rank >= node.least_input_rank) continue;
      return Status::Error("its input has %d dimensions, expected %d", *rank,
                           node.least_input_rank);
    }
    const TfLiteTensor& tensor = context.tensors[node.inputs[i]];
    const Status status =
        ReadActivationShape(tensor, node.least_input_rank, &(*shapes)[i]);
    if (!status.ok()) return status;
    *rank = tensor.dims->size;
  }
  return Status();
}

Status Region::PrepareStep(TfLiteContext* context, int index) {
  const SelectedNode& node = nodes_[index];
  Step& step = steps_[index];
  std::vector<ActivationShape> inputs;
  int rank = 0;
  Status status = InputShapes(*context, index, &inputs, &rank);
  if (status.ok()) status = node.op->Resize(inputs);
  if (!status.ok()) return status;
  const ActivationShape output = node.op->output_shape();
  step.input_row_bytes.clear();
  for (const ActivationShape& input : inputs) {
    step.input_row_bytes.push_back(RowBytes(input, node.type));
  }
  step.output_row_bytes = RowBytes(output, node.type);
  ranks_[index] = node.flattens ? kLeastRank : rank;
  if (!step.leaves_region) return Status();
  return ResizeTensor(context, node.output, Dims(output, ranks_[index]));
}

Status Region::Allocate() {
  schedule_ = PlanSchedule(steps_, {pool_->threads(), CacheBytes()});
  buffers_.assign(steps_.size(), BufferUse());
  held_.assign(steps_.size(), RowRange());
  for (size_t step = 0; step < steps_.size(); ++step) {
    if (steps_[step].leaves_region) continue;
    const size_t images = steps_[step].op->output_shape().batch;
    buffers_[step] = {
        images * schedule_.rows[step] * steps_[step].output_row_bytes,
        schedule_.first_pass[step], schedule_.last_pass[step]};
  }
  workspace_offset_ = PlanMemory(&buffers_);
  size_t workspace = 0;
  for (const Step& step : steps_) {
    workspace = std::max(workspace, step.op->WorkspaceBytes(pool_->threads()));
  }
  const size_t bytes = workspace_offset_ + AlignUp(workspace);
  memory_.reset();
  void* memory = nullptr;
  if (bytes > 0 && posix_memalign(&memory, kAlignment, bytes) != 0) {
    return Status::Error("out of memory: a region needs %zu bytes", bytes);
  }
  memory_.reset(static_cast<uint8_t*>(memory));
  return Status();
}

void Region::ResetProfile(const TfLiteContext& context) {
  std::vector<LayerProfile> layers(nodes_.size());
  for (size_t step = 0; step < nodes_.size(); ++step) {
    const SelectedNode& node = nodes_[step];
    LayerProfile& layer = layers[step];
    layer.node = node.node;
    layer.output = node.output;
    layer.operator_name = node.operator_name;
    layer.kernel = node.op->kernel_name();
    // The profile is written when the graph is gone.
    const char* name = context.tensors[node.output].name;
    if (name == nullptr) name = "";
    layer.name.assign(name, name + strlen(name) + 1);
    std::vector<ActivationShape> inputs;
    int rank = 0;
    static_cast<void>(
        InputShapes(context, static_cast<int>(step), &inputs, &rank));
    layer.input_shape = inputs[0];
    layer.output_shape = node.op->output_shape();
  }
  profile_->Reset(std::move(layers));
}

Status Region::Invoke(TfLiteContext* context) {
  for (size_t step = 0; step < steps_.size(); ++step) {
    held_[step] = RowRange();
    const SelectedNode& node = nodes_[step];
    bool has_memory = !steps_[step].leaves_region ||
                      context->tensors[node.output].data != nullptr;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (steps_[step].producers[i] != Step::kOfRuntime) continue;
      has_memory &= context->tensors[node.inputs[i]].data != nullptr;
    }
    if (!has_memory) {
      return Status::Error("a tensor of node %d has no memory", node.node);
    }
  }
  if (profile_ != nullptr) profile_->BeginRun();
  for (const Pass& pass : schedule_.passes) RunPass(*context, pass);
  if (profile_ != nullptr) profile_->EndRun();
  return Status();
}

void Region::RunPass(const TfLiteContext& context, const Pass& pass) {
  const Step& step = steps_[pass.step];
  const SelectedNode& node = nodes_[pass.step];
  for (size_t i = 0; i < step.producers.size(); ++i) {
    // Tensors move between runs, so their addresses are read each time.
    inputs_[i] = step.producers[i] == Step::kOfRuntime
                     ? context.tensors[node.inputs[i]].data
                     : RowZero(context, step.producers[i]);
  }
  PhaseTicks* ticks = nullptr;
  if (profile_ != nullptr) ticks = profile_->BeginLayer(pass.step);
  KeepRows(pass.step, pass.kept_row);
  held_[pass.step].end = pass.rows.end;
  step.op->RunRows(inputs_.data(), RowZero(context, pass.step), pass.rows,
                   memory_.get() + workspace_offset_, pool_, ticks);
  if (profile_ != nullptr) profile_->EndLayer(pass.step);
}

// Where row 0 of a step's output lies, or would lie if it were still kept: that
// may be no place of `memory_`, which a pointer must not leave, so that the
// address is computed as a number.
uint8_t* Region::RowZero(const TfLiteContext& context, int step) const {
  if (steps_[step].leaves_region) {
    return static_cast<uint8_t*>(context.tensors[nodes_[step].output].data);
  }
  const auto buffer =
      reinterpret_cast<uintptr_t>(memory_.get() + buffers_[step].offset);
  return reinterpret_cast<uint8_t*>(buffer - held_[step].begin *
                                                 steps_[step].output_row_bytes);
}

// Moves the rows from `first_row` on to the beginning of the step's buffer.
void Region::KeepRows(int step, int first_row) {
  RowRange& held = held_[step];
  if (first_row == held.begin) return;
  uint8_t* buffer = memory_.get() + buffers_[step].offset;
  const size_t row_bytes = steps_[step].output_row_bytes;
  std::memmove(buffer, buffer + (first_row - held.begin) * row_bytes,
               (held.end - first_row) * row_bytes);
  held.begin = first_row;
}

}  // namespace tf_pconv
