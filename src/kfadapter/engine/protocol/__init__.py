"""KFP's protocol: what a request may say, how errors are told, how lists are filtered, sorted and paged."""
