"""What happened, in one durable order; who is told of it, and how: signed deliveries and a stream."""
