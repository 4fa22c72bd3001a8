"""The embedded engine: Kubeflow Pipelines v2beta1 on one machine. Can be lifted out whole.

- `protocol`: KFP's rules as data and pure functions: messages, filters, page tokens, errors, packages
- `store`: what is kept, in SQLite
- `http`: the routes
- `running`: how a pipeline runs: environments, scheduler, task processes, supervisor
- `runs`: creates, ends and retries runs, between the routes, the store and the supervisor
- `server`: all of it together; `runner`: the process of one run
"""
