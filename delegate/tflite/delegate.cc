#include "delegate/tflite/delegate.h"

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "delegate/core/kernel_names.h"
#include "delegate/core/processor.h"
#include "delegate/core/thread_pool.h"
#include "delegate/core/tuning.h"
#include "delegate/tflite/partition.h"
#include "delegate/tflite/profile.h"
#include "delegate/tflite/region.h"
#include "delegate/tflite/tuning_file.h"

namespace tf_pconv {
namespace {

TfLiteStatus Report(TfLiteContext* context, const Status& status) {
  if (status.ok()) return kTfLiteOk;
  // The runtime puts its own reports right after this one.
  context->ReportError(context, "tf_pconv: %s.\n", status.message());
  return kTfLiteError;
}

class Delegate {
 public:
  // `profile` may be null.
  Delegate(const Options& options, TuningTable tuning,
           std::unique_ptr<Profile> profile)
      : options_(options),
        tuning_(std::move(tuning)),
        profile_(std::move(profile)) {
    base_.data = this;
    base_.Prepare = [](TfLiteContext* context, TfLiteDelegate* base) {
      return Report(context, From(base)->Prepare(context));
    };
    base_.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  }

  static Delegate* From(TfLiteDelegate* base) {
    return static_cast<Delegate*>(base->data);
  }

  TfLiteDelegate* base() { return &base_; }

 private:
  // Takes the nodes of one graph. Interpreters in several threads take turns.
  Status Prepare(TfLiteContext* context) {
    pthread_mutex_lock(&mutex_);
    const Status status = PrepareInTurn(context);
    selection_ = Selection();
    pthread_mutex_unlock(&mutex_);
    return status;
  }

  Status PrepareInTurn(TfLiteContext* context) {
    partitions_ = 0;
    Status status = CreatePool(*context);
    if (status.ok()) {
      status = SelectNodes(context, options_, &selection_, tuning_,
                           pool_->threads());
    }
    if (!status.ok()) return status;
    LogNodes();
    has_delegated_ |= !selection_.operators.empty();
    if (options_.require_delegation && !has_delegated_) {
      return Status::Error(
          "none of %d nodes can be delegated, and require_delegation is true; "
          "log_level info tells why",
          selection_.graph_nodes);
    }
    const size_t nodes =
        selection_.operators.empty() ? 0 : selection_.nodes.size();
    if (nodes > 0) status = ReplaceNodes(context);
    if (status.ok() && options_.log_level >= LogLevel::kInfo) {
      Log("%zu of %d nodes delegated, %d partitions", nodes,
          selection_.graph_nodes, partitions_);
    }
    return status;
  }

  Status ReplaceNodes(TfLiteContext* context) {
    const size_t count = selection_.nodes.size();
    std::unique_ptr<int[]> memory(new (std::nothrow) int[count + 1]);
    if (memory == nullptr) return Status::Error("out of memory");
    auto* nodes = reinterpret_cast<TfLiteIntArray*>(memory.get());
    nodes->size = static_cast<int>(count);
    for (size_t i = 0; i < count; ++i) nodes->data[i] = selection_.nodes[i];
    if (context->ReplaceNodeSubsetsWithDelegateKernels(
            context, Registration(), nodes, &base_) != kTfLiteOk) {
      return Status::Error("the runtime cannot replace %zu nodes", count);
    }
    return Status();
  }

  // The pool of as many threads as the options or the interpreter say.
  Status CreatePool(const TfLiteContext& context) {
    int threads = options_.num_threads;
    if (threads == 0) {
      threads = std::clamp(context.recommended_num_threads, 1, kMaxThreads);
    }
    for (const auto& pool : pools_) {
      if (pool->threads() != threads) continue;
      pool_ = pool.get();
      return Status();
    }
    Status status;
    std::unique_ptr<ThreadPool> pool = ThreadPool::Create(threads, &status);
    if (pool == nullptr) return status;
    pool_ = pool.get();
    pools_.push_back(std::move(pool));
    return Status();
  }

  void LogNodes() const {
    if (options_.log_level >= LogLevel::kVerbose) {
      Log("processor %s", ProcessorName().text);
      for (const SelectedNode& node : selection_.operators) {
        char gain[32] = "";
        if (node.cost.ours > 0) {
          snprintf(gain, sizeof(gain), ", predicted gain %.2f",
                   node.cost.speedup());
        }
        Log("node %d runs kernel %s on %d threads%s", node.node,
            node.op->kernel_name(), pool_->threads(), gain);
      }
    }
    if (options_.log_level >= LogLevel::kInfo) {
      for (const RefusedNode& refused : selection_.refused) {
        Log("%s node %d stays with the runtime: %s", refused.operator_name,
            refused.node, refused.reason.message());
      }
    }
  }

  // The runtime calls Init from within ReplaceNodeSubsets..., so in turn.
  static void* Init(TfLiteContext*, const char* buffer, size_t) {
    const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
    Delegate* delegate = From(params->delegate);
    ++delegate->partitions_;
    return new (std::nothrow)
        Region(*params, &delegate->selection_, delegate->pool_,
               delegate->AddRegionProfile());
  }

  RegionProfile* AddRegionProfile() {
    return profile_ == nullptr ? nullptr
                               : profile_->AddRegion(pool_->threads());
  }

  static TfLiteRegistration Registration() {
    TfLiteRegistration registration = {};
    registration.init = Init;
    registration.free = [](TfLiteContext*, void* region) {
      delete static_cast<Region*>(region);
    };
    registration.prepare = [](TfLiteContext* context, TfLiteNode* node) {
      auto* region = static_cast<Region*>(node->user_data);
      if (region == nullptr) {
        return Report(context, Status::Error("out of memory"));
      }
      return Report(context, region->Prepare(context));
    };
    registration.invoke = [](TfLiteContext* context, TfLiteNode* node) {
      return Report(context,
                    static_cast<Region*>(node->user_data)->Invoke(context));
    };
    registration.builtin_code = kTfLiteBuiltinDelegate;
    registration.custom_name = "TfPconvDelegate";
    registration.version = 1;
    return registration;
  }

  TfLiteDelegate base_ = {};
  const Options options_;
  const TuningTable tuning_;
  const std::unique_ptr<Profile> profile_;
  std::vector<std::unique_ptr<ThreadPool>> pools_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  bool has_delegated_ = false;

  // Of the graph that is being prepared.
  Selection selection_;
  ThreadPool* pool_ = nullptr;
  int partitions_ = 0;
};

}  // namespace

TfLiteDelegate* CreateDelegate(const Options& options, Status* status) {
  *status = CheckKernelName(options.kernel);
  if (!status->ok()) return nullptr;
  TuningTable tuning;
  if (options.tuning[0] != '\0') {
    *status = ReadTuningFile(options.tuning, &tuning);
    if (!status->ok()) return nullptr;
  }
  std::unique_ptr<Profile> profile;
  if (options.profile[0] != '\0') {
    profile = Profile::Open(options.profile, status);
    if (!status->ok()) return nullptr;
  }
  auto* delegate = new (std::nothrow)
      Delegate(options, std::move(tuning), std::move(profile));
  *status = delegate == nullptr ? Status::Error("out of memory") : Status();
  return delegate == nullptr ? nullptr : delegate->base();
}

void DestroyDelegate(TfLiteDelegate* delegate) {
  if (delegate != nullptr) delete Delegate::From(delegate);
}

}  // namespace tf_pconv
