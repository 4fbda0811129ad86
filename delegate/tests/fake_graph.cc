#include "delegate/tests/fake_graph.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <set>

namespace tf_pconv {

FakeGraph::FakeGraph() {
  context_.impl = this;
  context_.GetExecutionPlan = GetExecutionPlan;
  context_.GetNodeAndRegistration = GetNodeAndRegistration;
  context_.ReplaceNodeSubsetsWithDelegateKernels = Replace;
  context_.ResizeTensor = ResizeTensor;
  context_.ReportError = ReportError;
  context_.recommended_num_threads = -1;
}

FakeGraph::~FakeGraph() {
  if (kernel_node_.user_data != nullptr) {
    kernel_.free(&context_, kernel_node_.user_data);
  }
}

int FakeGraph::AddTensor(TfLiteType type, const std::vector<int>& dims) {
  TfLiteTensor tensor = {};
  tensor.type = type;
  tensor.dims = arrays_.Ints(dims);
  tensor.allocation_type = kTfLiteArenaRw;
  tensors_.push_back(tensor);
  context_.tensors = tensors_.data();
  context_.tensors_size = tensors_.size();
  return static_cast<int>(tensors_.size()) - 1;
}

void FakeGraph::Quantize(int index, const std::vector<float>& scales,
                         const std::vector<int>& zero_points, int dimension) {
  const TfLiteAffineQuantizationParams params = {
      arrays_.Floats(scales), arrays_.Ints(zero_points), dimension};
  tensor(index).quantization = {
      kTfLiteAffineQuantization,
      arrays_.Copy(std::vector<TfLiteAffineQuantizationParams>{params})};
}

int FakeGraph::AddNode(TfLiteBuiltinOperator code,
                       const std::vector<int>& inputs,
                       const std::vector<int>& outputs) {
  Node node = {};
  node.node.inputs = arrays_.Ints(inputs);
  node.node.outputs = arrays_.Ints(outputs);
  node.registration.builtin_code = code;
  node.registration.version = 1;
  nodes_.push_back(node);
  return static_cast<int>(nodes_.size()) - 1;
}

TfLiteStatus FakeGraph::Delegate(TfLiteDelegate* delegate) {
  return delegate->Prepare(&context_, delegate);
}

TfLiteStatus FakeGraph::Prepare() {
  const TfLiteStatus status = kernel_.prepare(&context_, &kernel_node_);
  if (status != kTfLiteOk) return status;
  for (int index : kernel_tensors_) {
    TfLiteTensor& tensor = tensors_[index];
    if (tensor.allocation_type != kTfLiteArenaRw) continue;
    tensor.bytes = tensor.type == kTfLiteInt8 ? 1 : 4;
    for (int d = 0; d < tensor.dims->size; ++d) {
      tensor.bytes *= tensor.dims->data[d];
    }
    tensor.data = arrays_.Copy(std::vector<uint8_t>(tensor.bytes, 0));
  }
  return kTfLiteOk;
}

TfLiteStatus FakeGraph::Invoke() {
  return kernel_.invoke(&context_, &kernel_node_);
}

TfLiteStatus FakeGraph::GetExecutionPlan(TfLiteContext* context,
                                         TfLiteIntArray** plan) {
  FakeGraph& graph = Of(context);
  std::vector<int> order = graph.plan_;
  for (size_t i = order.size(); i < graph.nodes_.size(); ++i) {
    order.push_back(i);
  }
  *plan = graph.arrays_.Ints(order);
  return kTfLiteOk;
}

TfLiteStatus FakeGraph::GetNodeAndRegistration(
    TfLiteContext* context, int index, TfLiteNode** node,
    TfLiteRegistration** registration) {
  Node& found = Of(context).nodes_[index];
  *node = &found.node;
  *registration = &found.registration;
  return kTfLiteOk;
}

bool FakeGraph::IsReadOutside(int tensor) const {
  if (std::count(outputs_.begin(), outputs_.end(), tensor) > 0) return true;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (std::count(taken_.begin(), taken_.end(), i) > 0) continue;
    const TfLiteIntArray* inputs = nodes_[i].node.inputs;
    if (std::count(inputs->data, inputs->data + inputs->size, tensor) > 0) {
      return true;
    }
  }
  return false;
}

TfLiteStatus FakeGraph::Replace(TfLiteContext* context,
                                TfLiteRegistration registration,
                                const TfLiteIntArray* nodes,
                                TfLiteDelegate* delegate) {
  FakeGraph& graph = Of(context);
  graph.taken_.assign(nodes->data, nodes->data + nodes->size);
  std::set<int> produced, read;
  for (int index : graph.taken_) {
    const TfLiteNode& node = graph.nodes_[index].node;
    for (int i = 0; i < node.outputs->size; ++i) {
      produced.insert(node.outputs->data[i]);
    }
    for (int i = 0; i < node.inputs->size; ++i) {
      if (node.inputs->data[i] >= 0) read.insert(node.inputs->data[i]);
    }
  }
  std::vector<int> inputs, outputs;
  for (int tensor : read) {
    if (produced.count(tensor) == 0) inputs.push_back(tensor);
  }
  for (int tensor : produced) {
    if (graph.IsReadOutside(tensor)) outputs.push_back(tensor);
  }
  const TfLiteDelegateParams params = {
      delegate, graph.arrays_.Ints(graph.taken_), graph.arrays_.Ints(inputs),
      graph.arrays_.Ints(outputs)};
  graph.kernel_ = registration;
  graph.kernel_node_.user_data = registration.init(
      context, reinterpret_cast<const char*>(&params), sizeof(params));
  graph.kernel_tensors_ = inputs;
  graph.kernel_tensors_.insert(graph.kernel_tensors_.end(), outputs.begin(),
                               outputs.end());
  return kTfLiteOk;
}

TfLiteStatus FakeGraph::ResizeTensor(TfLiteContext* context,
                                     TfLiteTensor* tensor,
                                     TfLiteIntArray* dims) {
  tensor->dims = Of(context).arrays_.Ints(
      std::vector<int>(dims->data, dims->data + dims->size));
  free(dims);
  return kTfLiteOk;
}

void FakeGraph::ReportError(TfLiteContext* context, const char* format, ...) {
  char message[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  Of(context).error_ += message;
}

}  // namespace tf_pconv
