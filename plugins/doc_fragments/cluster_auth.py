# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that reach and authenticate with the Kubernetes API: the same names as in kubernetes.core, and one of ours.

Written out rather than extended from kubernetes.core, so that the documentation builds without that collection.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file on the host where the task runs, or its content as a dictionary.
      - Several paths can be given, separated by V(:).
      - Without it, E(K8S_AUTH_KUBECONFIG) is used, then the service account of the pod that this runs in,
        then V(~/.kube/config).
    type: raw
  context:
    description:
      - Name of a context in the kubeconfig. Also E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - URL of the API server. Also E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - Bearer token. Also E(K8S_AUTH_API_KEY).
    type: str
  username:
    description:
      - User name for a cluster or proxy that takes HTTP basic authentication. Also E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - Password of O(username). Also E(K8S_AUTH_PASSWORD).
    type: str
  client_cert:
    description:
      - Path of a client certificate. Also E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the client certificate's key. Also E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  ca_cert:
    description:
      - Path of the certificate authority that signed the API server's certificate, with its whole chain.
        Also E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  validate_certs:
    description:
      - Whether to verify the API server's certificate. Also E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  proxy:
    description:
      - URL of an HTTP proxy to the API server. Also E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - Comma separated hosts, domains and networks that are reached without O(proxy). Also E(K8S_AUTH_NO_PROXY).
    type: str
  proxy_headers:
    description:
      - Headers for O(proxy).
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - Proxy authentication as C(username:password). Also E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH).
        type: str
      basic_auth:
        description:
          - Basic authentication as C(username:password). Also E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH).
        type: str
      user_agent:
        description:
          - User agent. Also E(K8S_AUTH_PROXY_HEADERS_USER_AGENT).
        type: str
  persist_config:
    description:
      - Whether to write refreshed tokens back to the kubeconfig. Also E(K8S_AUTH_PERSIST_CONFIG).
    type: bool
  impersonate_user:
    description:
      - User to impersonate. Also E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - Groups to impersonate. Also E(K8S_AUTH_IMPERSONATE_GROUPS).
    type: list
    elements: str
  request_timeout:
    description:
      - Seconds that the API server may be silent on a request, before its answer or in the middle of it. Connecting
        may take 10 seconds at most.
      - A request that was silent is made again like one whose connection was lost, five times in all, and then fails.
        While a module waits for something, no request outlasts the time of the wait.
      - The default lets kube-apiserver, which gives up a request after 60 seconds itself, say so. A load balancer, a
        proxy or a tunnel that has lost its other end may never say anything.
    type: int
    default: 65
"""
