#ifndef TF_PCONV_DELEGATE_TFLITE_REGION_H_
#define TF_PCONV_DELEGATE_TFLITE_REGION_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "delegate/core/operator.h"
#include "delegate/core/status.h"
#include "delegate/core/thread_pool.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/memory_plan.h"
#include "delegate/tflite/partition.h"
#include "delegate/tflite/profile.h"
#include "delegate/tflite/schedule.h"
#include "delegate/tflite/step.h"

namespace tf_pconv {

// A part of the graph that runs at once, as one node of the runtime. What its
// operators hand to each other lies in memory of the region, which the runtime
// does not see.
class Region {
 public:
  // Takes the operators of `params` out of `selection`. `pool` and `profile`,
  // which may be null, must outlive the region.
  Region(const TfLiteDelegateParams& params, Selection* selection,
         ThreadPool* pool, RegionProfile* profile);

  // Sizes everything for the present shapes of the inputs; again after they
  // were resized.
  Status Prepare(TfLiteContext* context);

  Status Invoke(TfLiteContext* context);

 private:
  void ConnectSteps();
  Status InputShapes(const TfLiteContext& context, int step,
                     std::vector<ActivationShape>* shapes, int* rank) const;
  Status PrepareStep(TfLiteContext* context, int step);
  Status Allocate();
  void ResetProfile(const TfLiteContext& context);
  void RunPass(const TfLiteContext& context, const Pass& pass);
  uint8_t* RowZero(const TfLiteContext& context, int step) const;
  void KeepRows(int step, int first_row);

  std::vector<SelectedNode> nodes_;
  std::vector<Step> steps_;          // of each node
  std::vector<int> ranks_;           // of each node's output
  std::vector<const void*> inputs_;  // of the step that runs
  // Results of DENSIFY that nobody reads any more.
  std::vector<int> unread_outputs_;
  ThreadPool* const pool_;
  RegionProfile* const profile_;

  Schedule schedule_;
  // The rows kept of each step's output; empty where the runtime holds it.
  std::vector<BufferUse> buffers_;
  // The first row that each buffer holds now, and the one behind the last.
  std::vector<RowRange> held_;

  struct Free {
    void operator()(uint8_t* memory) const { free(memory); }
  };
  std::unique_ptr<uint8_t[], Free> memory_;
  size_t workspace_offset_ = 0;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_REGION_H_
