"""The shapes of answers and bodies under `/v1`, as the OpenAPI document tells them."""
