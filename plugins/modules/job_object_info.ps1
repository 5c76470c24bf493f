#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject

# The options are those of job_object_info.yml; source, cross_check and those about waiting are for the controller, which
# asks this module for win32 only, once for each look.
$spec = @{
    options = @{
        container_id = @{ type = 'str' }
        containerd_namespace = @{ type = 'str'; default = 'k8s.io' }
        cross_check = @{ type = 'bool'; default = $false }
        name = @{ type = 'str' }
        namespace = @{ type = 'str' }
        pod = @{ type = 'str' }
        source = @{ type = 'str'; choices = 'auto', 'cim', 'win32'; default = 'win32' }
        state_directory = @{ type = 'str' }
        wait = @{ type = 'bool'; default = $false }
        wait_sleep = @{ type = 'int'; default = 5 }
        wait_state = @{ type = 'str'; choices = 'gone', 'running'; default = 'running' }
        wait_timeout = @{ type = 'int'; default = 120 }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

$options = @{}
foreach ($name in $spec.options.Keys) { $options[$name] = $module.Params[$name] }

try {
    $answer = [ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject.JobObjectProbe]::Collect($options)
}
catch {
    $module.FailJson("The job objects could not be read: $($_.Exception.GetBaseException().Message)", $_)
}
foreach ($name in $answer.Keys) { $module.Result[$name] = $answer[$name] }
$module.ExitJson()
