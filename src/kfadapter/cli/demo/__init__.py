"""`kfadapter demo`: a training job from the upload of its pipeline to the notification, played on this machine."""
