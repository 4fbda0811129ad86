#ifndef TF_PCONV_DELEGATE_CORE_PROCESSOR_H_
#define TF_PCONV_DELEGATE_CORE_PROCESSOR_H_

namespace tf_pconv {

// What tells processors apart that run one kernel at different speeds: vendor,
// family, model, stepping and what CpuFeatures() finds, such as
// "AuthenticAMD-26-2-1-avx2-avxvnni". Only letters, digits, "-" and "_".
struct ProcessorName {
  ProcessorName();

  char text[96] = {};
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_PROCESSOR_H_
