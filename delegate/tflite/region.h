#ifndef TF_PCONV_DELEGATE_TFLITE_REGION_H_
#define TF_PCONV_DELEGATE_TFLITE_REGION_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"
#include "delegate/core/thread_pool.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/memory_plan.h"
#include "delegate/tflite/partition.h"

namespace tf_pconv {

// A connected part of the graph that runs as one node of the runtime. What its
// convolutions hand to each other lies in memory of the region, which the
// runtime does not see.
class Region {
 public:
  // Takes the convolutions of `params` out of `selection`. `pool` must outlive
  // the region.
  Region(const TfLiteDelegateParams& params, Selection* selection,
         ThreadPool* pool);

  // Sizes everything for the present shapes of the inputs; again after they
  // were resized.
  Status Prepare(TfLiteContext* context);

  Status Invoke(TfLiteContext* context);

 private:
  static constexpr int kOfRuntime = -1;

  struct Step {
    SelectedConv conv;
    // The buffers in `buffers_`, or kOfRuntime.
    int input_buffer = kOfRuntime;
    int output_buffer = kOfRuntime;
  };

  void ConnectSteps();
  Status InputShape(const TfLiteContext& context, const Step& step,
                    ActivationShape* shape) const;
  Status PrepareStep(TfLiteContext* context, Step* step);
  Status Allocate();

  std::vector<Step> steps_;
  // Results of DENSIFY that nobody reads any more.
  std::vector<int> unread_outputs_;
  // Outputs that the runtime holds; others live in `buffers_`.
  std::vector<int> runtime_outputs_;
  std::vector<BufferUse> buffers_;
  ThreadPool* const pool_;

  struct Free {
    void operator()(uint8_t* memory) const { free(memory); }
  };
  std::unique_ptr<uint8_t[], Free> memory_;
  size_t workspace_offset_ = 0;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_REGION_H_
