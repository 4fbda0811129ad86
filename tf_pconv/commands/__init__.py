"""The commands of `tf-pconv`, one a module; each module's `COMMAND` describes it."""
