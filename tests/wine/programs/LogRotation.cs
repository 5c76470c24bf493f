// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// The two steps of roles/workload/files/rotate_logs.ps1 that depend on Windows' rules for open files, by the same calls
// of .NET: open a log that somebody writes, copy it, empty it. PowerShell itself does not run here.

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;

namespace ansible_collections.kubewin.hostprocess.plugins.module_utils.LogRotation
{
    public static class LogRotation
    {
        /// <summary>options: path, and share, a list of FileShare's words as PowerShell takes it.</summary>
        public static Dictionary<string, object> Collect(IDictionary options)
        {
            string path = (string)options["path"];
            FileShare share = (FileShare)Enum.Parse(typeof(FileShare), (string)options["share"]);
            Dictionary<string, object> result = new Dictionary<string, object>();
            try
            {
                using (FileStream log = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, share))
                {
                    result["length"] = log.Length;
                    using (FileStream copy = File.Create(path + ".1")) { log.CopyTo(copy); }
                    log.SetLength(0);
                }
            }
            catch (IOException refusal)
            {
                result["refusal"] = refusal.Message;
            }
            return result;
        }
    }
}
