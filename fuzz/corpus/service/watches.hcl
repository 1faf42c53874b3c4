# a comment
consul {
  address = "127.0.0.1:8500"
  token   = "t"
}
watches {
  type = "keyprefix"
  prefix = "app/"
  args = ["/bin/true", "${X}"]
  timeout = "1s"
}
watches = [{ type = "checks", state = "any", handler = <<-EOF
  cat > x
  EOF
}]
watches {
  type = "nodes"
  handler_type = "http"
  http_handler_config { path = "http://h/", header = { A = ["b"] } }
}
