#ifndef TF_PCONV_DELEGATE_TESTS_FAKE_GRAPH_H_
#define TF_PCONV_DELEGATE_TESTS_FAKE_GRAPH_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "delegate/tests/tflite_fakes.h"
#include "delegate/tflite/abi.h"

namespace tf_pconv {

// A graph, and as much of the runtime as a delegate meets. All nodes that a
// delegate takes become one partition.
class FakeGraph {
 public:
  FakeGraph();
  ~FakeGraph();
  FakeGraph(const FakeGraph&) = delete;
  FakeGraph& operator=(const FakeGraph&) = delete;

  // Tensors are numbered from 0. Changing a tensor afterwards is allowed.
  int AddTensor(TfLiteType type, const std::vector<int>& dims);
  template <typename T>
  int AddConstant(TfLiteType type, const std::vector<int>& dims,
                  const std::vector<T>& values) {
    const int index = AddTensor(type, dims);
    tensor(index).allocation_type = kTfLiteMmapRo;
    tensor(index).data = arrays_.Copy(values);
    tensor(index).bytes = values.size() * sizeof(T);
    return index;
  }
  void Quantize(int index, const std::vector<float>& scales,
                const std::vector<int>& zero_points, int dimension = 0);

  int AddNode(TfLiteBuiltinOperator code, const std::vector<int>& inputs,
              const std::vector<int>& outputs);

  TfLiteTensor& tensor(int index) { return tensors_[index]; }
  TfLiteNode& node(int index) { return nodes_[index].node; }
  TfLiteRegistration& registration(int index) {
    return nodes_[index].registration;
  }
  Arrays& arrays() { return arrays_; }
  TfLiteContext& context() { return context_; }

  void SetOutputs(const std::vector<int>& outputs) { outputs_ = outputs; }

  // In which order nodes run, if not in that of their numbers.
  void SetPlan(const std::vector<int>& plan) { plan_ = plan; }

  // Applies the delegate.
  TfLiteStatus Delegate(TfLiteDelegate* delegate);
  // Prepares the partition, then gives its inputs and outputs memory.
  TfLiteStatus Prepare();
  TfLiteStatus Invoke();

  // Nodes that a delegate has taken.
  const std::vector<int>& taken() const { return taken_; }
  const std::string& error() const { return error_; }

  template <typename T>
  T* data(int index) {
    return static_cast<T*>(tensors_[index].data);
  }

 private:
  struct Node {
    TfLiteNode node;
    TfLiteRegistration registration;
  };

  static FakeGraph& Of(TfLiteContext* context) {
    return *static_cast<FakeGraph*>(context->impl);
  }
  static TfLiteStatus GetExecutionPlan(TfLiteContext* context,
                                       TfLiteIntArray** plan);
  static TfLiteStatus GetNodeAndRegistration(TfLiteContext* context, int index,
                                             TfLiteNode** node,
                                             TfLiteRegistration** registration);
  static TfLiteStatus Replace(TfLiteContext* context,
                              TfLiteRegistration registration,
                              const TfLiteIntArray* nodes,
                              TfLiteDelegate* delegate);
  static TfLiteStatus ResizeTensor(TfLiteContext* context, TfLiteTensor* tensor,
                                   TfLiteIntArray* dims);
  static void ReportError(TfLiteContext* context, const char* format, ...);

  bool IsReadOutside(int tensor) const;

  Arrays arrays_;
  TfLiteContext context_ = {};
  std::vector<TfLiteTensor> tensors_;
  std::deque<Node> nodes_;
  std::vector<int> outputs_;
  std::vector<int> plan_;
  std::vector<int> taken_;
  std::string error_;
  TfLiteRegistration kernel_ = {};
  TfLiteNode kernel_node_ = {};
  std::vector<int> kernel_tensors_;  // inputs and outputs
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTS_FAKE_GRAPH_H_
