#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ansible_collections.kubewin.hostprocess.plugins.module_utils.NodeProbe

# The options are those of node_info.yml; the versions are for the verdict, which is made on the controller.
$spec = @{
    options = @{
        containerd_directory = @{ type = 'str' }
        containerd_version = @{ type = 'str' }
        files = @{ type = 'list'; elements = 'str'; default = @() }
        kubelet_bootstrap_kubeconfig_path = @{ type = 'str' }
        kubelet_certificate_authority_path = @{ type = 'str' }
        kubelet_config_path = @{ type = 'str' }
        kubelet_directory = @{ type = 'str' }
        kubelet_kubeconfig_path = @{ type = 'str' }
        kubernetes_version = @{ type = 'str' }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

$options = @{ windows_features = @{} }
foreach ($name in $spec.options.Keys) { $options[$name] = $module.Params[$name] }

try {
    $features = Get-CimInstance -ClassName Win32_OptionalFeature -Filter "Name = 'Containers' OR Name = 'Microsoft-Hyper-V'"
    $options.windows_features['Containers'] = 'absent'
    foreach ($feature in $features) {
        $options.windows_features[$feature.Name] = switch ([int]$feature.InstallState) {
            1 { 'enabled' }
            2 { 'disabled' }
            default { 'absent' }
        }
    }
}
catch {
    $module.Warn("The state of Windows features could not be read by CIM: $_")
}

try {
    $answer = [ansible_collections.kubewin.hostprocess.plugins.module_utils.NodeProbe.NodeProbe]::Collect($options)
}
catch {
    $module.FailJson("The node could not be examined: $($_.Exception.GetBaseException().Message)", $_)
}
foreach ($name in $answer.Keys) { $module.Result[$name] = $answer[$name] }
$module.ExitJson()
