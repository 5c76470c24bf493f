#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ansible_collections.kubewin.hostprocess.plugins.module_utils.NodeProbe

# The options are those of node_info.yml; the versions are for the verdict, which is made on the controller.
$spec = @{
    options = @{
        containerd_config_path = @{ type = 'str' }
        containerd_directory = @{ type = 'str' }
        containerd_version = @{ type = 'str' }
        directories = @{ type = 'list'; elements = 'str'; default = @() }
        dynamic_ports = @{ type = 'bool'; default = $false }
        endpoints = @{ type = 'list'; elements = 'str'; default = @() }
        features = @{ type = 'list'; elements = 'str'; default = @() }
        files = @{ type = 'list'; elements = 'str'; default = @() }
        firewall_rules = @{ type = 'list'; elements = 'str'; default = @() }
        kubelet_bootstrap_kubeconfig_path = @{ type = 'str' }
        kubelet_certificate_authority_path = @{ type = 'str' }
        kubelet_certificate_directory = @{ type = 'str' }
        kubelet_config_path = @{ type = 'str' }
        kubelet_directory = @{ type = 'str' }
        kubelet_kubeadm_flags_path = @{ type = 'str' }
        kubelet_kubeconfig_path = @{ type = 'str' }
        kubernetes_version = @{ type = 'str' }
        registry = @{ type = 'list'; elements = 'str'; default = @() }
        services = @{ type = 'list'; elements = 'str'; default = @() }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

$options = @{ windows_features = @{}; dynamic_port_ranges = $null; excluded_port_lines = $null }
foreach ($name in $spec.options.Keys) { $options[$name] = $module.Params[$name] }

try {
    $names = @('Containers', 'Microsoft-Hyper-V') + @($module.Params.features -match '^[\w-]+$')
    $filter = ($names | ForEach-Object { "Name = '$_'" }) -join ' OR '
    $features = Get-CimInstance -ClassName Win32_OptionalFeature -Filter $filter
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

if ($module.Params.dynamic_ports) {
    try {
        $space = @{ Namespace = 'root/StandardCimv2' }
        $settings = @{
            tcp = Get-CimInstance @space -ClassName MSFT_NetTCPSetting -Filter "SettingName = 'Internet'"
            udp = Get-CimInstance @space -ClassName MSFT_NetUDPSetting | Select-Object -First 1
        }
        $options.dynamic_port_ranges = @{}
        foreach ($protocol in $settings.Keys) {
            $options.dynamic_port_ranges[$protocol] = @{
                start = [int]$settings[$protocol].DynamicPortRangeStartPort
                count = [int]$settings[$protocol].DynamicPortRangeNumberOfPorts
            }
        }
    }
    catch {
        $module.Warn("The dynamic port ranges could not be read by CIM: $_")
    }
    # No class of CIM has the exclusions.
    try {
        $netsh = Join-Path -Path $env:SystemRoot -ChildPath 'System32\netsh.exe'
        $tables = @{}
        foreach ($protocol in 'tcp', 'udp') {
            $tables[$protocol] = @(& $netsh int ipv4 show excludedportrange $protocol)
            if ($LASTEXITCODE -ne 0) { throw "netsh.exe ended with ${LASTEXITCODE}: $($tables[$protocol])" }
        }
        $options.excluded_port_lines = $tables
    }
    catch {
        $module.Warn("The excluded ports could not be read: $_")
    }
}

try {
    $answer = [ansible_collections.kubewin.hostprocess.plugins.module_utils.NodeProbe.NodeProbe]::Collect($options)
}
catch {
    $module.FailJson("The node could not be examined: $($_.Exception.GetBaseException().Message)", $_)
}
foreach ($name in $answer.Keys) { $module.Result[$name] = $answer[$name] }
$module.ExitJson()
